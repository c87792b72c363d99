// A sum of 32 bits with the bias of its channels, from `channel` on.

TERM biased(TERM s, uint channel) {
#if BIAS && TERMS == 4
    for (uint c = 0u; c < 4u; c++) s[c] += bias(min(channel + c, uint(BIASES - 1)));
#elif BIAS
    s += bias(channel);
#endif
    return s;
}
