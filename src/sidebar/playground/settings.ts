/** How answers are drawn; the names are those of the section `samples`. */
export interface ISamplingSettings {
  temperature: number;
  max_new_tokens: number;
  top_p: number;
  top_k: number;
  repetition_penalty: number;
  system: string;
}

export const DEFAULT_SAMPLING: ISamplingSettings = {
  temperature: 0.7,
  max_new_tokens: 128,
  top_p: 1,
  top_k: 50,
  repetition_penalty: 1,
  system: ''
};
