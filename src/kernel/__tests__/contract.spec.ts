import Ajv2020 from 'ajv/dist/2020';
import * as fs from 'fs';
import * as path from 'path';

/** A message, and whether it is one of its kind; the kernel half is tested against the same files. */
interface IFixture {
  schema: string;
  valid: boolean;
  message: unknown;
}

const root = path.resolve(__dirname, '../../..');

const fixtures = fs
  .readdirSync(path.join(root, 'tests/contract'))
  .filter(name => name.endsWith('.json'))
  .flatMap(name =>
    read<IFixture[]>(`tests/contract/${name}`).map(
      (fixture, index): [string, IFixture] => [`${name} ${index}`, fixture]
    )
  );

function read<T>(name: string): T {
  return JSON.parse(fs.readFileSync(path.join(root, name), 'utf-8'));
}

describe('The protocol', () => {
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema(read<object>('schema/protocol.json'), 'protocol');

  it.each(fixtures)('is kept by %s', (_, { schema, valid, message }) => {
    expect(ajv.validate(`protocol#/$defs/${schema}`, message)).toBe(valid);
  });
});
