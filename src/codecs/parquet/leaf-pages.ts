import zlib from 'node:zlib';
import type { ColumnMetaData, Encoding, PageHeader, SchemaElement } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { unpackPage } from './codec-bytes.ts';
import { brokenParquet, type ParquetPlace, takenApart, unsupportedParquet } from './parquet-fault.ts';
import { unpackRuns } from './run-lengths.ts';
import { type StoredValues, storedValues } from './stored-values.ts';

/** One column chunk: its bytes and what the footer says of them. */
export interface LeafChunk {
  readonly bytes: Uint8Array;
  readonly meta: ColumnMetaData;
  readonly element: SchemaElement;
  /** How deep its values may be nested: in optional and repeated groups, and in repeated ones. Of a flat column 0 or 1, and 0. */
  readonly definition: number;
  readonly repetition: number;
  /** Entries that it has at the most, nulls included: of a flat column the rows of the group. */
  readonly most: number;
}

/** One page of values. */
export interface LeafPage {
  /** Nulls included. */
  readonly entries: number;
  /** For each entry how much of its path is there; null when every entry has a value. */
  readonly definition: Uint8Array | null;
  /** For each entry in which group it goes on; null where nothing is repeated. */
  readonly repetition: Uint8Array | null;
  /** The values that are there, or for each its index in the dictionary. */
  readonly values: StoredValues | null;
  readonly indexes: Int32Array | null;
}

/** What a chunk holds next. */
export type ChunkPart =
  | { readonly kind: 'dictionary'; readonly values: StoredValues }
  | { readonly kind: 'page'; readonly page: LeafPage }
  | { readonly kind: 'skipped'; readonly entries: number };

/** A run of one value takes no room in a file, and four bytes each where it is unpacked: what no writer makes must not fill the memory. */
const MOST_ENTRIES = 2 ** 26;

/**
 * The pages of one column chunk, one after the other: what is decoded at a time is one page. Every size is held against the bytes that are
 * there and the entries that the chunk has, so that no broken file asks for more memory, or takes longer, than a sound one of its kind.
 */
export class LeafPages {
  readonly #chunk: LeafChunk;
  readonly #place: ParquetPlace;
  #at = 0;
  #left: number;

  constructor(chunk: LeafChunk, place: ParquetPlace) {
    this.#chunk = chunk;
    this.#left = chunk.most;
    this.#place = place;
  }

  /** Whether there are bytes left. */
  get more(): boolean {
    return this.#at < this.#chunk.bytes.length;
  }

  /** @param skip entries that are not wanted: a page that holds nothing else is passed over without being unpacked. */
  next(skip: number): ChunkPart {
    return takenApart(this.#place, () => {
      for (;;) {
        const header = this.#header();
        const { compressed_page_size: size, uncompressed_page_size: unpacked } = header;
        const body = this.#chunk.bytes.subarray(this.#at, this.#at + Math.max(0, size));
        if (body.length !== size || unpacked < 0) {
          throw brokenParquet(this.#place, 'a page is longer than what is left of its column');
        }
        this.#at += size;
        if (header.type === 'INDEX_PAGE') continue;
        const entries = entriesOf(header);
        if (entries > this.#left || entries < 0)
          throw brokenParquet(this.#place, 'its pages hold more values than it has');
        if (entries > MOST_ENTRIES)
          throw brokenParquet(this.#place, `a page of ${entries} values, where ${MOST_ENTRIES} are the most`);
        this.#left -= entries;
        if (header.type !== 'DICTIONARY_PAGE' && entries <= skip) return { kind: 'skipped', entries };
        assertSum(header, body, this.#place);
        if (header.type === 'DICTIONARY_PAGE') return { kind: 'dictionary', values: this.#dictionary(header, body) };
        const page = header.type === 'DATA_PAGE' ? this.#first(header, body) : this.#second(header, body);
        return { kind: 'page', page };
      }
    });
  }

  #header(): PageHeader {
    const { bytes } = this.#chunk;
    if (!this.more) throw brokenParquet(this.#place, 'its pages end before its rows do');
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: this.#at };
    const header = parquetHeader(reader);
    this.#at = reader.offset;
    return header;
  }

  #dictionary(header: PageHeader, body: Uint8Array): StoredValues {
    const { num_values: count } = header.dictionary_page_header!;
    const page = this.#unpacked(body, header.uncompressed_page_size);
    // An entry has a byte at least.
    if (count < 0 || count > page.length) throw brokenParquet(this.#place, 'its dictionary is shorter than it says');
    return storedValues(this.#chunk.element, 'PLAIN', page, 0, count);
  }

  /** A page of the first kind: levels and values are packed together, and the levels say how long they are. */
  #first(header: PageHeader, body: Uint8Array): LeafPage {
    const first = header.data_page_header!;
    const page = this.#unpacked(body, header.uncompressed_page_size);
    let at = 0;
    const levels = (most: number, encoding: Encoding): Uint8Array | null => {
      if (most === 0) return null;
      if (encoding !== 'RLE')
        throw unsupportedParquet(this.#place, `its levels are packed as ${encoding}, which is long out of use`);
      const length = new DataView(page.buffer, page.byteOffset, page.length).getUint32(at, true);
      const from = at + 4;
      at = from + length;
      return this.#levels(page, from, at, most, first.num_values);
    };
    const repetition = levels(this.#chunk.repetition, first.repetition_level_encoding);
    const definition = levels(this.#chunk.definition, first.definition_level_encoding);
    return this.#page(first.num_values, repetition, definition, first.encoding, page, at);
  }

  /** A page of the second kind: the levels stand before what is packed. */
  #second(header: PageHeader, body: Uint8Array): LeafPage {
    const second = header.data_page_header_v2!;
    const { num_values: entries, encoding } = second;
    const { repetition_levels_byte_length: repeats, definition_levels_byte_length: defines } = second;
    const from = repeats + defines;
    if (repeats < 0 || defines < 0) throw brokenParquet(this.#place, 'the levels of a page have no length');
    const repetition = this.#levels(body, 0, repeats, this.#chunk.repetition, entries);
    const definition = this.#levels(body, repeats, from, this.#chunk.definition, entries);
    const packed = body.subarray(from);
    const size = header.uncompressed_page_size - from;
    const page = second.is_compressed === false ? packed : this.#unpacked(packed, size);
    return this.#page(entries, repetition, definition, encoding, page, 0);
  }

  #levels(bytes: Uint8Array, from: number, end: number, most: number, entries: number): Uint8Array | null {
    if (most === 0) return null;
    if (end > bytes.length) throw brokenParquet(this.#place, 'the levels of a page are longer than the page');
    const levels = new Uint8Array(entries);
    unpackRuns(bytes, from, end, 32 - Math.clz32(most), entries, levels);
    return levels;
  }

  #page(
    entries: number,
    repetition: Uint8Array | null,
    levels: Uint8Array | null,
    encoding: Encoding,
    page: Uint8Array,
    from: number,
  ): LeafPage {
    const count = levels === null ? entries : countOf(levels, this.#chunk.definition);
    const common = { entries, repetition, definition: count === entries ? null : levels };
    if (encoding !== 'RLE_DICTIONARY' && encoding !== 'PLAIN_DICTIONARY') {
      return { ...common, values: storedValues(this.#chunk.element, encoding, page, from, count), indexes: null };
    }
    const indexes = new Int32Array(count);
    if (count > 0) unpackRuns(page, from + 1, page.length, page[from]!, count, indexes);
    return { ...common, values: null, indexes };
  }

  #unpacked(bytes: Uint8Array, length: number): Uint8Array {
    return unpackPage(this.#chunk.meta.codec, bytes, length, this.#place);
  }
}

function entriesOf(header: PageHeader): number {
  return header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? 0;
}

function countOf(levels: Uint8Array, level: number): number {
  let count = 0;
  for (const one of levels) if (one === level) count += 1;
  return count;
}

/** Many writers give each page a checksum. */
function assertSum({ crc }: PageHeader, body: Uint8Array, place: ParquetPlace): void {
  if (crc === undefined || zlib.crc32(body) === crc >>> 0) return;
  throw brokenParquet(place, 'a page does not fit its checksum');
}
