"""Makes the Parquet files of this folder, and rows.csv: python make.py FOLDER (pyarrow 17 or later).

types.csv was checked by hand against the values below.
"""
import datetime as dt
import random
import sys
from decimal import Decimal as D

import pyarrow as pa
import pyarrow.parquet as pq

out = sys.argv[1]
cols = {}


def add(name, type, values):
    cols[name] = pa.array(values, type)


add('bool', pa.bool_(), [True, False, None, True, False, True, None, False, True])
add('i8', pa.int8(), [0, -128, 127, None, 1, 2, 3, 4, 5])
add('i32', pa.int32(), [0, -2147483648, 2147483647, None, 9, -9, 10, -10, 99])
add('i64', pa.int64(), [0, -9223372036854775808, 9223372036854775807, None, 9007199254740993, -1, 2147483648, -2147483649, 42])
add('u32', pa.uint32(), [0, 4294967295, 2147483648, None, 1, 2, 3, 4, 5])
add('u64', pa.uint64(), [0, 18446744073709551615, 9223372036854775808, None, 1, 2, 3, 4, 5])
add('f32', pa.float32(), [0.1, -0.0, 1e10, None, 3.4028234663852886e38, 1.401298464324817e-45, float('nan'), float("inf"), 16777216])
add('f64', pa.float64(), [0.1, -0.0, 1e300, None, 5e-324, 123456789.123456789, float('nan'), float('-inf'), 7])
add('dec9', pa.decimal128(9, 2), [D('1.20'), D('-9999999.99'), None, D('0.01'), D('-0.01'), D('0'), D('12.34'), D('5'), D('9999999.99')])
add('dec38', pa.decimal128(38, 10), [D('1234567890123456789012345678.0123456789'), D('-0.0000000001'), None, D('0'), D('1'), D('-1'), D('2'), D('3'), D('-9999999999999999999999999999.9999999999')])
add('date', pa.date32(), [dt.date(1970,1,1), dt.date(1969,12,31), dt.date(2024,2,29), None, dt.date(1,1,1), dt.date(9999,12,31), dt.date(2000,1,1), dt.date(1900,3,1), dt.date(2026,11,28)])
ts = [dt.datetime(1970,1,1), dt.datetime(1969,12,31,23,59,59,999000), dt.datetime(2024,2,29,12,0,1,1000), None, dt.datetime(1,1,1), dt.datetime(9999,12,31,23,59,59,999000), dt.datetime(2001,1,1,0,1), dt.datetime(1900,3,1,5,6,7), dt.datetime(2026,11,28,3,10)]
add('ts_ms', pa.timestamp('ms', 'UTC'), ts)
us = [t and t.replace(microsecond=t.microsecond + 7) for t in ts]
add('ts_us_local', pa.timestamp('us'), us)
add('ts_us', pa.timestamp('us', 'UTC'), us)
ns = [0, -1, 1709208001001000007, None, -2208988800000000000, 4102444799999999999, 1, -1000000000, 1795835400123456789]
add('ts_ns', pa.timestamp('ns', 'UTC'), ns)
add('time_us', pa.time64('us'), [dt.time(0,0), dt.time(23,59,59,999999), None, dt.time(1,2,3,4), dt.time(12,0), dt.time(0,0,0,1), dt.time(5,5), dt.time(6,6,6), dt.time(7,0)])
add('time_ms', pa.time32('ms'), [dt.time(0,0), dt.time(23,59,59,999000), None, dt.time(1,2,3,4000), dt.time(12,0), dt.time(0,0,0,1000), dt.time(5,5), dt.time(6,6,6), dt.time(7,0)])
add('text', pa.string(), ['plain', '', None, 'comma, here', 'say "hi"', 'two\nlines', 'Zürich 🐟', '\ufeffbom', ' spaced '])
add('cat', pa.dictionary(pa.int32(), pa.string()), ['a', 'b', 'a', None, 'b', 'a', '', 'c,d', 'a'])
add('bytes', pa.binary(), [b'\x00\xff', b'', None, b'abc', b'\n', b',', b'"', b'1', b'22'])
add('fixed', pa.binary(3), [b'\x00\xff\x01', b'abc', None, b'abc', b'\n\n\n', b',,,', b'"""', b'111', b'222'])
add('list', pa.list_(pa.int64()), [[1, 2], [], None, [None], [9007199254740993], [1, None, 3], [0], [-1], [5, 6, 7]])
add('list2', pa.list_(pa.list_(pa.string())), [[['a'], ['b', 'c']], [], None, [None], [[]], [[None]], [['"'], []], [[''], None], [['z']]])
add('struct', pa.struct([('x', pa.int32()), ('y', pa.struct([('z', pa.string()), ('d', pa.decimal128(9, 2))]))]),
    [{'x': 1, 'y': {'z': 'q', 'd': D('1.50')}}, {'x': None, 'y': None}, None, {'x': 2, 'y': {'z': None, 'd': None}}, {'x': 3, 'y': {'z': '', 'd': D('0')}}, None, {'x': 4, 'y': None}, {'x': 5, 'y': {'z': 'ü', 'd': D('-1')}}, {'x': 6, 'y': {'z': 'e', 'd': D('2')}}])
add('map', pa.map_(pa.string(), pa.int32()), [[('a', 1), ('b', None)], [], None, [('__proto__', 5)], [('k', 1)], [('', 2)], [('a', 1), ('a', 2)], [('x', 0)], [('y', -1)]])
add('structs', pa.list_(pa.struct([('t', pa.timestamp('us', 'UTC')), ('b', pa.bool_())])), [[{'t': us[0], 'b': True}, None], [], None, [{'t': None, 'b': None}], [{'t': us[1], 'b': False}], [None], [], None, [{'t': us[2], 'b': True}]])
table = pa.table(cols)

pq.write_table(table, f'{out}/types.parquet', store_schema=False, compression='snappy')
pq.write_table(table, f'{out}/types-v2.parquet', store_schema=False, compression='zstd', data_page_version='2.0', use_dictionary=False, write_page_checksum=True, row_group_size=9)
random.seed(7)
M = 70
small = pa.table({
  'id': pa.array(range(M), pa.int64()),
  'n': pa.array([None if i % 7 == 0 else random.randint(-1000, 100000) for i in range(M)], pa.int32()),
  'x': pa.array([None if i % 11 == 0 else round(random.random(), 4) for i in range(M)], pa.float64()),
  'f': pa.array([round(random.random(), 3) for i in range(M)], pa.float32()),
  'city': pa.array([random.choice(['SEA', 'LAX', 'JFK', '', None, 'a,b']) for i in range(M)], pa.string()),
  'note': pa.array([f'note {i // 3}' for i in range(M)], pa.string()),
  'ok': pa.array([None if i % 5 == 0 else i % 2 == 0 for i in range(M)], pa.bool_()),
})
for codec in ['none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4']:
    pq.write_table(small, f'{out}/rows-{codec}.parquet', store_schema=False, compression=codec, row_group_size=40, data_page_size=200, write_statistics=False)
pq.write_table(small, f'{out}/rows-delta.parquet', store_schema=False, compression='none', data_page_version='2.0', use_dictionary=False, row_group_size=50, write_page_checksum=True, write_statistics=False,
  column_encoding={'id': 'DELTA_BINARY_PACKED', 'n': 'DELTA_BINARY_PACKED', 'x': 'BYTE_STREAM_SPLIT', 'f': 'BYTE_STREAM_SPLIT', 'city': 'DELTA_LENGTH_BYTE_ARRAY', 'note': 'DELTA_BYTE_ARRAY', 'ok': 'RLE'})
t96 = pa.table({'t': pa.array([0, None, -1, 1709208001001000007, 1795835400123456789, 1], pa.timestamp('ns'))})
pq.write_table(t96, f'{out}/int96.parquet', store_schema=False, use_deprecated_int96_timestamps=True)
def number(v):
    return repr(v).removesuffix('.0')


def canon(v):
    if v is None: return ''
    if v == '' or any(c in v for c in ',"\n\r'): return '"' + v.replace('"', '""') + '"'
    return v
with open(f'{out}/rows.csv', 'w', newline='') as f:
    f.write('id,n,x,f,city,note,ok\n')
    for r in small.to_pylist():
        f.write(','.join([str(r['id']), '' if r['n'] is None else str(r['n']), '' if r['x'] is None else number(r['x']), number(round(r['f'], 3)), canon(r['city']), canon(r['note']), '' if r['ok'] is None else str(r['ok']).lower()]) + '\n')
