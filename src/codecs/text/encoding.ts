import { SluiceError } from '../../core/error.ts';

/** A text encoding that was found by its name. */
export interface Encoding {
  /** The name as the user gave it, for messages. */
  readonly name: string;
  /** The WHATWG label that TextDecoder knows; `latin1` means ISO 8859-1 itself and not what that label means there. */
  readonly label: string;
  /** Bytes are UTF-8 as they stand. */
  readonly utf8: boolean;
  /** Code units of two bytes: full of NUL bytes, and line ends are not single bytes. */
  readonly utf16: boolean;
  /** An output begins with a byte order mark. An input may always have one. */
  readonly mark: boolean;
}

/** Python's codec names, and its aliases, that no WHATWG label has; normalised as `normalise` does. */
const PYTHON_NAMES: Readonly<Record<string, readonly string[]>> = {
  // ASCII is a subset of UTF-8: a file of it reads the same, and what is not ASCII is not lost.
  'utf-8': ['ascii', '646', 'us_ascii', 'u8', 'utf', 'utf_8', 'utf8_ucs2', 'utf8_ucs4', 'cp65001'],
  latin1: [
    'latin_1',
    'iso_8859_1',
    'iso8859_1',
    '8859',
    'cp819',
    'latin',
    'latin1',
    'l1',
    'iso88591',
    'iso8859',
    'iso_ir_100',
    'csisolatin1',
    'ibm819',
  ],
  shift_jis: ['cp932', '932', 'ms932', 'mskanji', 'ms_kanji', 'windows_31j', 'shiftjis', 'sjis', 's_jis', 'csshiftjis'],
  'euc-jp': ['euc_jp', 'eucjp', 'ujis', 'u_jis'],
  'iso-2022-jp': ['iso2022_jp', 'iso2022jp', 'csiso2022jp'],
  'euc-kr': ['euc_kr', 'euckr', 'korean', 'ksc5601', 'ks_c_5601', 'cp949', '949', 'ms949', 'uhc'],
  gbk: ['936', 'cp936', 'ms936', 'gb2312', 'euc_cn', 'euccn', 'eucgb2312_cn', 'chinese'],
  big5: ['big5_tw', 'csbig5', 'cp950', '950', 'ms950', 'big5hkscs', 'big5_hkscs', 'hkscs'],
  'windows-874': ['cp874', 'tis_620', 'tis620', 'tis_620_0', 'iso8859_11', 'iso_8859_11', 'thai'],
  ibm866: ['cp866', '866'],
  'koi8-r': ['koi8_r'],
  'koi8-u': ['koi8_u'],
  macintosh: ['mac_roman', 'macroman', 'macintosh'],
  'x-mac-cyrillic': ['mac_cyrillic', 'maccyrillic'],
  'utf-16le': ['utf_16_le', 'utf_16le', 'unicodelittleunmarked'],
  'utf-16be': ['utf_16_be', 'utf_16be', 'unicodebigunmarked'],
};

const labels = new Map<string, string>();
for (const [label, names] of Object.entries(PYTHON_NAMES)) for (const name of names) labels.set(name, label);
for (const page of [1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258]) {
  for (const name of [`cp${page}`, `${page}`, `windows_${page}`]) labels.set(name, `windows-${page}`);
}
for (const part of [2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16]) {
  for (const name of [`iso8859_${part}`, `iso_8859_${part}`]) labels.set(name, `iso-8859-${part}`);
}
for (const [latin, part] of [
  [7, 13],
  [8, 14],
  [9, 15],
  [10, 16],
] as const) {
  for (const name of [`latin${latin}`, `l${latin}`]) labels.set(name, `iso-8859-${part}`);
}
// Turkish: WHATWG has it as windows-1254 only, which holds all of ISO 8859-9 but its control characters.
for (const name of ['iso8859_9', 'iso_8859_9', 'latin5', 'l5']) labels.set(name, 'windows-1254');

/** The encoding of that name; throws CONFIG_INVALID when there is none that we can read. */
export function encodingOf(name: string): Encoding {
  const key = normalise(name);
  if (['utf_8_sig', 'utf8_sig'].includes(key)) return encoding(name, 'utf-8', true);
  // Which byte comes first is told by the mark; without one it is the low byte, as Python has it on our machines.
  if (['utf_16', 'u16', 'utf16'].includes(key)) return encoding(name, 'utf-16', true);
  const label = labels.get(key) ?? whatwgLabel(name) ?? whatwgLabel(key);
  if (label !== null) return encoding(name, label, false);
  throw new SluiceError(
    'CONFIG_INVALID',
    `csvSettings.encoding is ${JSON.stringify(name)}, which is not an encoding that can be read here. ` +
      'Use a name such as utf-8, utf-16, latin_1, cp1252 or shift_jis.',
  );
}

function encoding(name: string, label: string, mark: boolean): Encoding {
  return { name, label, mark, utf8: label === 'utf-8', utf16: label.startsWith('utf-16') };
}

/** Python compares names without case, with every run of other characters as one underscore, and has names with years. */
function normalise(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replace(/_(19|20)\d\d$/, '');
}

function whatwgLabel(name: string): string | null {
  try {
    return new TextDecoder(name).encoding;
  } catch {
    return null;
  }
}
