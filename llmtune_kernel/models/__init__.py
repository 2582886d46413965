"""Which model is trained? Base model, tokenizer, adapters, packed attention."""
