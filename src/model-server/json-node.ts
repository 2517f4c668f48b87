import { SluiceError } from '../core/error.ts';

/**
 * A value in a parsed JSON file that knows where it stands, so that a file somebody wrote by hand, or with another
 * version of a program, is refused with the name of the field. Every refusal is MODEL_INVALID.
 */
export class JsonNode {
  readonly value: unknown;
  readonly #where: string;

  private constructor(value: unknown, where: string) {
    this.value = value;
    this.#where = where;
  }

  /** @param file name for messages. */
  static parse(text: string, file: string): JsonNode {
    try {
      return new JsonNode(JSON.parse(text), file);
    } catch (cause) {
      throw new SluiceError('MODEL_INVALID', `${file} is not JSON.`, { cause });
    }
  }

  /** The field `key` of an object; refuses an object without it. */
  at(key: string): JsonNode {
    return this.optional(key) ?? this.refuse(`has no field "${key}"`);
  }

  /** The field `key` of an object, or undefined where it is missing or null. */
  optional(key: string): JsonNode | undefined {
    const value = this.#object()[key];
    return value === undefined || value === null ? undefined : new JsonNode(value, `${this.#where}: ${key}`);
  }

  /** Refuses an object that has a field which is not among `known`. */
  only(known: readonly string[]): void {
    for (const key of Object.keys(this.#object())) {
      if (!known.includes(key)) this.refuse(`has an unknown field "${key}"; known are ${known.join(', ')}`);
    }
  }

  text(): string {
    return typeof this.value === 'string' && this.value !== '' ? this.value : this.refuse('is not a text');
  }

  /** A finite number; also one that is written as a text, as XGBoost writes its parameters. */
  number(): number {
    const number = typeof this.value === 'string' && this.value.trim() !== '' ? Number(this.value) : this.value;
    return typeof number === 'number' && Number.isFinite(number) ? number : this.refuse('is not a number');
  }

  /** An integer of at least 0. */
  count(): number {
    const number = this.number();
    return Number.isInteger(number) && number >= 0 ? number : this.refuse('is not a count');
  }

  oneOf<T extends string>(choices: readonly T[]): T {
    return (
      choices.find((choice) => choice === this.value) ??
      this.refuse(`is none of ${choices.join(', ')}: ${this.#shown()}`)
    );
  }

  items(): readonly JsonNode[] {
    if (!Array.isArray(this.value)) return this.refuse('is not a list');
    return this.value.map((item, i) => new JsonNode(item, `${this.#where}[${i}]`));
  }

  texts(): readonly string[] {
    return this.items().map((item) => item.text());
  }

  /** A list of finite numbers, of the given length if there is one; checked without a node for each. */
  numbers(length?: number): readonly number[] {
    const { value } = this;
    if (!Array.isArray(value) || !value.every((item) => Number.isFinite(item)))
      return this.refuse('is not a list of numbers');
    if (length !== undefined && value.length !== length)
      this.refuse(`has ${value.length} numbers where ${length} belong`);
    return value as readonly number[];
  }

  refuse(problem: string): never {
    throw new SluiceError('MODEL_INVALID', `${this.#where} ${problem}.`);
  }

  #object(): Readonly<Record<string, unknown>> {
    const { value } = this;
    return isObject(value) ? value : this.refuse('is not an object');
  }

  #shown(): string {
    return JSON.stringify(this.value).slice(0, 100);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
