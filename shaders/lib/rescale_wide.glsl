// From a sum of 64 bits to a quantised output: `factors` has (multiplier of 16 bits, e) for each TERM of channels.

MADE finished(SUM s, uint place, uint channel, uint row) {
    TERM m = factors(2u * place), e = factors(2u * place + 1u);
    MADE r;
    for (uint c = 0u; c < uint(TERMS); c++) TERM_AT(r, c) = scaled(biased(s, c, channel), TERM_AT(m, c), TERM_AT(e, c));
    return clamp(r + OUT_ZERO, LOW, HIGH);
}
