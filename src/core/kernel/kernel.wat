;; The inner loops of the hot path: what is done for every byte or every row of canonical CSV, with SIMD.
;;
;; Every function works on scratch memory that the caller fills before the call and reads after it; nothing stays in it
;; between two calls. All of them read and write up to 64 bytes past what they are given, so each region is followed by as
;; many bytes that nobody needs. Each handles the plain case alone and stops, without a guess, at the first record that is
;; anything else: the TypeScript beside the call goes on from there. Its results are the reference for these.
;;
;; kernel.ts says what each function takes and gives; `npm run kernel` compiles this file to compiled.ts.
(module
  (memory (export "memory") 1)

  ;; Offset behind the last record that `reply` took.
  (global $reply_at (export "replyAt") (mut i32) (i32.const 0))

  ;; Cuts bytes into records, 64 at a time: one bit mask of line ends and one of delimiters. Stops before a record with a quote or a
  ;; CR, a blank one, one with another number of fields, one that is too long, and one whose end is not there yet.
  (func (export "scan")
    (param $from i32) (param $end i32) (param $columns i32) (param $most i32) (param $longest i32)
    (param $delimiter i32) (param $quote i32) (param $ends i32)
    (result i32)
    (local $at i32) (local $start i32) (local $stop i32) (local $fields i32) (local $found i32)
    (local $lines i64) (local $delimiters i64) (local $odd i64) (local $below i64)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $lf v128) (local $cr v128) (local $separator v128) (local $quotes v128)
    (local $oa v128) (local $ob v128) (local $oc v128) (local $od v128)
    (local.set $lf (i8x16.splat (i32.const 0x0a)))
    (local.set $cr (i8x16.splat (i32.const 0x0d)))
    (local.set $separator (i8x16.splat (local.get $delimiter)))
    (local.set $quotes (i8x16.splat (local.get $quote)))
    (local.set $at (local.get $from))
    (local.set $start (local.get $from))
    (local.set $fields (i32.const 1))
    (block $done
      (loop $blocks
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $a (v128.load (local.get $at)))
        (local.set $b (v128.load offset=16 (local.get $at)))
        (local.set $c (v128.load offset=32 (local.get $at)))
        (local.set $d (v128.load offset=48 (local.get $at)))
        (local.set $lines
          (i64.or
            (i64.or
              (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $a) (local.get $lf))))
              (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $b) (local.get $lf)))) (i64.const 16)))
            (i64.or
              (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $c) (local.get $lf)))) (i64.const 32))
              (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $d) (local.get $lf)))) (i64.const 48)))))
        (local.set $delimiters
          (i64.or
            (i64.or
              (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $a) (local.get $separator))))
              (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $b) (local.get $separator)))) (i64.const 16)))
            (i64.or
              (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $c) (local.get $separator)))) (i64.const 32))
              (i64.shl (i64.extend_i32_u (i8x16.bitmask (i8x16.eq (local.get $d) (local.get $separator)))) (i64.const 48)))))
        ;; Quotes and CRs are rare where this pays: their mask is made only when one is there.
        (local.set $oa (v128.or (i8x16.eq (local.get $a) (local.get $quotes)) (i8x16.eq (local.get $a) (local.get $cr))))
        (local.set $ob (v128.or (i8x16.eq (local.get $b) (local.get $quotes)) (i8x16.eq (local.get $b) (local.get $cr))))
        (local.set $oc (v128.or (i8x16.eq (local.get $c) (local.get $quotes)) (i8x16.eq (local.get $c) (local.get $cr))))
        (local.set $od (v128.or (i8x16.eq (local.get $d) (local.get $quotes)) (i8x16.eq (local.get $d) (local.get $cr))))
        (local.set $odd (i64.const 0))
        (if (v128.any_true (v128.or (v128.or (local.get $oa) (local.get $ob)) (v128.or (local.get $oc) (local.get $od))))
          (then
            (local.set $odd
              (i64.or
                (i64.or
                  (i64.extend_i32_u (i8x16.bitmask (local.get $oa)))
                  (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $ob))) (i64.const 16)))
                (i64.or
                  (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $oc))) (i64.const 32))
                  (i64.shl (i64.extend_i32_u (i8x16.bitmask (local.get $od))) (i64.const 48)))))
            ;; Line ends behind the first of them may be text.
            (local.set $lines
              (i64.and (local.get $lines)
                (i64.sub (i64.and (local.get $odd) (i64.sub (i64.const 0) (local.get $odd))) (i64.const 1))))))
        ;; Of the last block only what was given counts.
        (if (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 64))
          (then
            (local.set $lines
              (i64.and (local.get $lines)
                (i64.sub
                  (i64.shl (i64.const 1) (i64.extend_i32_u (i32.sub (local.get $end) (local.get $at))))
                  (i64.const 1))))))
        (block $scanned
          (loop $records
            (br_if $scanned (i64.eqz (local.get $lines)))
            (local.set $below
              (i64.sub (i64.and (local.get $lines) (i64.sub (i64.const 0) (local.get $lines))) (i64.const 1)))
            (local.set $fields
              (i32.add (local.get $fields)
                (i32.wrap_i64 (i64.popcnt (i64.and (local.get $delimiters) (local.get $below))))))
            (local.set $delimiters
              (i64.and (local.get $delimiters) (i64.xor (local.get $below) (i64.const -1))))
            (local.set $stop (i32.add (local.get $at) (i32.wrap_i64 (i64.ctz (local.get $lines)))))
            (br_if $done (i32.ne (local.get $fields) (local.get $columns)))
            (br_if $done (i32.eq (local.get $stop) (local.get $start)))
            (br_if $done (i32.gt_u (i32.sub (local.get $stop) (local.get $start)) (local.get $longest)))
            (local.set $start (i32.add (local.get $stop) (i32.const 1)))
            (i32.store
              (i32.add (local.get $ends) (i32.shl (local.get $found) (i32.const 2)))
              (i32.sub (local.get $start) (local.get $from)))
            (local.set $found (i32.add (local.get $found) (i32.const 1)))
            (br_if $done (i32.eq (local.get $found) (local.get $most)))
            (local.set $fields (i32.const 1))
            (local.set $lines (i64.and (local.get $lines) (i64.sub (local.get $lines) (i64.const 1))))
            (br $records)))
        (br_if $done (i64.ne (local.get $odd) (i64.const 0)))
        (local.set $fields (i32.add (local.get $fields) (i32.wrap_i64 (i64.popcnt (local.get $delimiters)))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $blocks)))
    (local.get $found))

  ;; Copies records, each with its number, from 0, in one more column at its end. Copies 16 bytes at a time, past the end of the
  ;; record: what comes next is written over it.
  (func (export "number")
    (param $from i32) (param $ends i32) (param $rows i32) (param $endings i32) (param $out i32)
    (result i32)
    (local $at i32) (local $end i32) (local $row i32) (local $width i32) (local $next i32)
    (local.set $at (local.get $from))
    (local.set $width (i32.const 3))
    (local.set $next (i32.const 10))
    (block $done
      (loop $records
        (br_if $done (i32.ge_u (local.get $row) (local.get $rows)))
        (local.set $end
          (i32.sub
            (i32.add (local.get $from) (i32.load (i32.add (local.get $ends) (i32.shl (local.get $row) (i32.const 2)))))
            (i32.const 1)))
        (loop $bytes
          (v128.store (local.get $out) (v128.load (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (local.set $out (i32.add (local.get $out) (i32.const 16)))
          (br_if $bytes (i32.lt_u (local.get $at) (local.get $end))))
        (local.set $out (i32.sub (local.get $out) (i32.sub (local.get $at) (local.get $end))))
        (if (i32.eq (local.get $row) (local.get $next))
          (then
            (local.set $width (i32.add (local.get $width) (i32.const 1)))
            (local.set $next (i32.mul (local.get $next) (i32.const 10)))))
        (i64.store (local.get $out)
          (i64.load (i32.add (local.get $endings) (i32.shl (local.get $row) (i32.const 3)))))
        (local.set $out (i32.add (local.get $out) (local.get $width)))
        (local.set $at (i32.add (local.get $end) (i32.const 1)))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $records)))
    (local.get $out))

  ;; Copies the records of a reply without their numbers, and checks them. The kinds of bytes and the roles of cells are
  ;; those of csv-table.ts: FREE 0, NUMBER 1, PRESENT 2, STATUS 3, NUMBERING 4; DIGIT 1, OTHER 4, STOP 8. Stops before a record with a
  ;; quote or a CR, a number out of turn, a missing prediction, a status other than `OK`, and other than its cells.
  (func (export "reply")
    (param $from i32) (param $end i32) (param $rows i32) (param $roles i32) (param $cells i32) (param $kinds i32)
    (param $out i32) (param $ends i32)
    (result i32)
    (local $base i32) (local $at i32) (local $row i32) (local $cell i32) (local $role i32) (local $record i32)
    (local $found i32) (local $byte i32) (local $kind i32) (local $number i32) (local $first i32) (local $taken i32)
    (local.set $base (local.get $out))
    (local.set $at (local.get $from))
    (local.set $taken (local.get $from))
    (block $done
      (loop $records
        (br_if $done (i32.ge_u (local.get $row) (local.get $rows)))
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $record (local.get $out))
        (local.set $cell (i32.const 0))
        (loop $row_cells
          (local.set $role (i32.load8_u (i32.add (local.get $roles) (local.get $cell))))
          (local.set $cell (i32.add (local.get $cell) (i32.const 1)))
          (if (i32.eq (local.get $role) (i32.const 4))
            (then
              (local.set $number (i32.const 0))
              (local.set $first (local.get $at))
              (block $digits_end
                (loop $digits
                  (local.set $byte (i32.sub (i32.load8_u (local.get $at)) (i32.const 0x30)))
                  (br_if $digits_end (i32.gt_u (local.get $byte) (i32.const 9)))
                  (local.set $number
                    (i32.add (i32.mul (local.get $number) (i32.const 10)) (local.get $byte)))
                  (local.set $at (i32.add (local.get $at) (i32.const 1)))
                  (br $digits)))
              (br_if $done (i32.ne (local.get $number) (local.get $row)))
              (br_if $done (i32.eq (local.get $at) (local.get $first)))
              ;; More digits do not fit 32 bits, and might look like the number in turn.
              (br_if $done (i32.gt_u (i32.sub (local.get $at) (local.get $first)) (i32.const 9))))
            (else
              (if (i32.eq (local.get $role) (i32.const 3))
                (then
                  (br_if $done (i32.ne (i32.load16_u (local.get $at)) (i32.const 0x4b4f)))
                  (local.set $at (i32.add (local.get $at) (i32.const 2))))
                (else
                  (local.set $found (i32.const 0))
                  (block $cell_end
                    (loop $bytes
                      (local.set $byte (i32.load8_u (local.get $at)))
                      (local.set $kind (i32.load8_u (i32.add (local.get $kinds) (local.get $byte))))
                      (br_if $cell_end (i32.ge_u (local.get $kind) (i32.const 8)))
                      (local.set $found (i32.or (local.get $found) (local.get $kind)))
                      (i32.store8 (local.get $out) (local.get $byte))
                      (local.set $at (i32.add (local.get $at) (i32.const 1)))
                      (local.set $out (i32.add (local.get $out) (i32.const 1)))
                      (br $bytes)))
                  (if (local.get $role)
                    (then
                      (br_if $done (i32.eqz (local.get $found)))
                      (br_if $done
                        (i32.and
                          (i32.eq (local.get $role) (i32.const 1))
                          (i32.ne (i32.and (local.get $found) (i32.const 5)) (i32.const 1))))))
                  (i32.store8 (local.get $out) (i32.const 0x2c))
                  (local.set $out (i32.add (local.get $out) (i32.const 1)))))))
          (if (i32.lt_u (local.get $cell) (local.get $cells))
            (then
              (br_if $done (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x2c)))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br $row_cells))))
        (br_if $done (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x0a)))
        ;; A record of one blank cell would be an empty line.
        (br_if $done (i32.eq (local.get $out) (i32.add (local.get $record) (i32.const 1))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (i32.store8 (i32.sub (local.get $out) (i32.const 1)) (i32.const 0x0a))
        (i32.store
          (i32.add (local.get $ends) (i32.shl (local.get $row) (i32.const 2)))
          (i32.sub (local.get $out) (local.get $base)))
        (local.set $taken (local.get $at))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $records)))
    (global.set $reply_at (local.get $taken))
    (local.get $row))

  ;; The offset just past the canonical field that starts at $at.
  (func $field_end (param $at i32) (result i32)
    (local $byte i32)
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x22))
      (then
        (loop $quoted
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $quoted (i32.ne (i32.load8_u (local.get $at)) (i32.const 0x22)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          ;; Two quotes are one of the text.
          (br_if $quoted (i32.eq (i32.load8_u (local.get $at)) (i32.const 0x22))))
        (return (local.get $at))))
    (block $end
      (loop $bytes
        (local.set $byte (i32.load8_u (local.get $at)))
        (br_if $end (i32.eq (local.get $byte) (i32.const 0x2c)))
        (br_if $end (i32.eq (local.get $byte) (i32.const 0x0a)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes)))
    (local.get $at))

  ;; Puts records together from cells of the rows, cells of the scores and constants: the steps of a record program, three
  ;; words each: kind, first and last cell (-1: to the end of the record), or 2, offset and length of a constant. Remembers where it
  ;; stands in either record, as nearly all steps go forward.
  (func (export "join")
    (param $row_bytes i32) (param $row_ends i32) (param $score_bytes i32) (param $score_ends i32) (param $rows i32)
    (param $steps i32) (param $steps_end i32) (param $out i32) (param $ends i32)
    (result i32)
    (local $base i32) (local $row i32) (local $record i32) (local $step i32) (local $kind i32)
    (local $first i32) (local $last i32) (local $from i32) (local $to i32) (local $at i32) (local $cell i32)
    (local $row_start i32) (local $row_end i32) (local $row_at i32) (local $row_cell i32)
    (local $score_start i32) (local $score_end i32) (local $score_at i32) (local $score_cell i32)
    (local.set $base (local.get $out))
    (local.set $row_end (local.get $row_bytes))
    (local.set $score_end (local.get $score_bytes))
    (block $done
      (loop $records
        (br_if $done (i32.ge_u (local.get $row) (local.get $rows)))
        (local.set $row_start (local.get $row_end))
        (local.set $row_at (local.get $row_end))
        (local.set $row_cell (i32.const 0))
        (local.set $score_start (local.get $score_end))
        (local.set $score_at (local.get $score_end))
        (local.set $score_cell (i32.const 0))
        (local.set $row_end
          (i32.add (local.get $row_bytes)
            (i32.load (i32.add (local.get $row_ends) (i32.shl (local.get $row) (i32.const 2))))))
        (local.set $score_end
          (i32.add (local.get $score_bytes)
            (i32.load (i32.add (local.get $score_ends) (i32.shl (local.get $row) (i32.const 2))))))
        (local.set $record (local.get $out))
        (local.set $step (local.get $steps))
        (loop $program
          (local.set $kind (i32.load (local.get $step)))
          (local.set $first (i32.load offset=4 (local.get $step)))
          (local.set $last (i32.load offset=8 (local.get $step)))
          (if (i32.eq (local.get $kind) (i32.const 2))
            (then
              (local.set $from (local.get $first))
              (local.set $to (i32.add (local.get $first) (local.get $last))))
            (else
              (if (local.get $kind)
                (then
                  (if (i32.lt_u (local.get $first) (local.get $row_cell))
                    (then
                      (local.set $row_at (local.get $row_start))
                      (local.set $row_cell (i32.const 0))))
                  (local.set $at (local.get $row_at))
                  (local.set $cell (local.get $row_cell)))
                (else
                  (if (i32.lt_u (local.get $first) (local.get $score_cell))
                    (then
                      (local.set $score_at (local.get $score_start))
                      (local.set $score_cell (i32.const 0))))
                  (local.set $at (local.get $score_at))
                  (local.set $cell (local.get $score_cell))))
              (block $found
                (loop $skip
                  (br_if $found (i32.eq (local.get $cell) (local.get $first)))
                  (local.set $at (i32.add (call $field_end (local.get $at)) (i32.const 1)))
                  (local.set $cell (i32.add (local.get $cell) (i32.const 1)))
                  (br $skip)))
              (local.set $from (local.get $at))
              (if (i32.eq (local.get $last) (i32.const -1))
                (then
                  (local.set $to
                    (i32.sub
                      (select (local.get $row_end) (local.get $score_end) (local.get $kind))
                      (i32.const 1))))
                (else
                  (loop $run
                    (local.set $to (call $field_end (local.get $at)))
                    (local.set $at (i32.add (local.get $to) (i32.const 1)))
                    (local.set $cell (i32.add (local.get $cell) (i32.const 1)))
                    (br_if $run (i32.le_u (local.get $cell) (local.get $last))))))
              (if (local.get $kind)
                (then
                  (local.set $row_at (local.get $at))
                  (local.set $row_cell (local.get $cell)))
                (else
                  (local.set $score_at (local.get $at))
                  (local.set $score_cell (local.get $cell))))))
          ;; 16 bytes at a time, past the end: what comes next is written over it.
          (loop $bytes
            (v128.store (local.get $out) (v128.load (local.get $from)))
            (local.set $from (i32.add (local.get $from) (i32.const 16)))
            (local.set $out (i32.add (local.get $out) (i32.const 16)))
            (br_if $bytes (i32.lt_u (local.get $from) (local.get $to))))
          (local.set $out (i32.sub (local.get $out) (i32.sub (local.get $from) (local.get $to))))
          (i32.store8 (local.get $out) (i32.const 0x2c))
          (local.set $out (i32.add (local.get $out) (i32.const 1)))
          (local.set $step (i32.add (local.get $step) (i32.const 12)))
          (br_if $program (i32.lt_u (local.get $step) (local.get $steps_end))))
        ;; The last comma becomes the line end. A record is never an empty line.
        (if (i32.eq (local.get $out) (i32.add (local.get $record) (i32.const 1)))
          (then
            (i32.store16 (local.get $record) (i32.const 0x2222))
            (local.set $out (i32.add (local.get $record) (i32.const 3)))))
        (i32.store8 (i32.sub (local.get $out) (i32.const 1)) (i32.const 0x0a))
        (i32.store
          (i32.add (local.get $ends) (i32.shl (local.get $row) (i32.const 2)))
          (i32.sub (local.get $out) (local.get $base)))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $records)))
    (local.get $out))
)
