// From a sum to a quantised output by way of doubles: `factors` has (low, high, e) for each TERM of channels.

MADE rounded(SUM s, uint channel, TERM low, TERM high, TERM e) {
#ifdef TERM_AT
    MADE r;
    for (uint c = 0u; c < uint(TERMS); c++)
        TERM_AT(r, c) = rounded_product(biased(s, c, channel), TERM_AT(low, c), TERM_AT(high, c), TERM_AT(e, c));
    return r;
#else
    return rounded_product(biased(s, channel), low, high, e);
#endif
}

MADE finished(SUM s, uint place, uint channel, uint row) {
    uint at = 3u * place;
    MADE x = rounded(s, channel, factors(at), factors(at + 1u), factors(at + 2u));
    return clamp(clamp(x, -65536, 65536) + OUT_ZERO, LOW, HIGH);
}
