/** A written time in milliseconds since 1970. Without a zone it is UTC, whatever the zone of the machine is. NaN for what is no time. */
export function utcTime(text: string): number {
  // The parser takes dates without a time for UTC, and times without a zone for those of the machine.
  const hasZone = /(Z|GMT|UTC|[+-]\d{2}:?\d{2})$/i.test(text) || /^\d{4}(-\d{2}){0,2}$/.test(text);
  return Date.parse(hasZone ? text : `${text}Z`);
}
