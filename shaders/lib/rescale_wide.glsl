// From a sum of 64 bits to a quantised output: `factors` has (multiplier of 16 bits, e) for each TERM of channels.

// x * m / 2 ** e to the nearest integer, halves up; e is above 0 (MultiplyByQuantizedMultiplier of an int64_t).
int scaled(ivec2 x, int m, int e) {
    x = plus(times(x, widen(m)), e > 32 ? ivec2(0, 1 << (e - 33)) : ivec2(1 << (e - 1), 0));
    return e < 32 ? int((uint(x.x) >> e) | (uint(x.y) << (32 - e))) : x.y >> (e - 32);
}

MADE finished(SUM s, uint place, uint channel, uint row) {
    TERM m = factors(2u * place), e = factors(2u * place + 1u);
    MADE r;
    for (uint c = 0u; c < uint(TERMS); c++) TERM_AT(r, c) = scaled(biased(s, c, channel), TERM_AT(m, c), TERM_AT(e, c));
    return clamp(r + OUT_ZERO, LOW, HIGH);
}
