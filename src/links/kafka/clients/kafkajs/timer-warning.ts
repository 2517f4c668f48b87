let silenced = false;

/**
 * kafkajs asks for timers of a negative time whenever a connection is idle (tulios/kafkajs#1751), which Node 24 warns
 * of. Nobody can do anything about it: this warning is not shown, all others are.
 */
export function silenceTimerWarning(): void {
  if (silenced) return;
  silenced = true;
  const emit = process.emitWarning.bind(process) as (...given: unknown[]) => void;
  process.emitWarning = (...given: unknown[]): void => {
    const named = given[1];
    const name = typeof named === 'object' && named !== null ? (named as { readonly type?: unknown }).type : named;
    if (name !== 'TimeoutNegativeWarning') emit(...given);
  };
}
