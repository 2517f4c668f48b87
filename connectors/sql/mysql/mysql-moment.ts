/** Date and time, with or without a zone; the zone of a column of times is none, or UTC. */
const MOMENT = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(\.\d+)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/i;

/** A time in ISO 8601 as MySQL and MariaDB read it: in UTC, without a zone. A text that is none comes back as it is, for the server to refuse. */
export function mysqlMoment(text: string): string {
  const found = MOMENT.exec(text.trim());
  if (found === null) return text;
  const [, day = '', time = '', fraction = '', zone] = found;
  if (zone === undefined || /^(z|[+-]00(:?00)?)$/i.test(zone)) return `${day} ${time}${fraction}`;
  const digits = zone.replaceAll(/[^\d]/g, '').padEnd(4, '0');
  const minutes = (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))) * (zone.startsWith('-') ? -1 : 1);
  const utc = Date.parse(`${day}T${time.length === 5 ? `${time}:00` : time}Z`) - minutes * 60_000;
  return Number.isNaN(utc) ? text : `${new Date(utc).toISOString().slice(0, 19).replace('T', ' ')}${fraction}`;
}
