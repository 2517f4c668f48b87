/**
 * One clause of a contract: `run` resolves when it holds and rejects with an assertion error when it does not. Checks are
 * independent of each other; register each with the test framework at hand: `test(check.name, check.run)`.
 */
export interface AcceptanceCheck {
  readonly name: string;
  readonly run: () => Promise<void>;
}
