import assert from 'node:assert/strict';
import test from 'node:test';
import { addIntegers, compareIntegers, subtractIntegers, parseExact, printExact }
  from '../../scripts/lib/base/json.mjs';

test('an integer beyond 2^53 survives reading and printing', () => {
  const text = '{"bytes":9007199254740993,"small":3,"list":[-9223372036854775808,1.5e3]}';
  const read = parseExact(text);
  assert.equal(read.bytes, 9007199254740993n);
  assert.equal(read.small, 3);
  assert.equal(read.list[0], -9223372036854775808n);
  assert.equal(printExact(read), '{"bytes":9007199254740993,"small":3,' +
    '"list":[-9223372036854775808,1500]}');
});

test('digits inside a string stay a string', () => {
  const text = '{"note":"12345678901234567890 \\" 98765432109876543210","n":12345678901234567890}';
  const read = parseExact(text);
  assert.equal(read.note, '12345678901234567890 " 98765432109876543210');
  assert.equal(read.n, 12345678901234567890n);
});

test('what is not JSON throws', () => {
  for (const text of ['', '{', '{"a":}', '{"a":12345678901234567890']) {
    assert.throws(() => parseExact(text), SyntaxError);
  }
});

test('sums and differences do not round', () => {
  assert.equal(addIntegers(2 ** 53 - 1, 2), 9007199254740993n);
  assert.equal(subtractIntegers(9007199254740993n, 2), 2 ** 53 - 1);
  assert.equal(addIntegers(1, 2), 3);
  assert.equal(compareIntegers(9007199254740993n, 9007199254740992n), 1);
  assert.equal(compareIntegers(5, 5n), 0);
});
