// One number of a sum of 64 bits with the bias of its channel, which may have 32.

ivec2 widen(ivec2 x) { return x; }

#if TERMS == 4
#define TERM_AT(x, c) (x)[c]
#else
#define TERM_AT(x, c) (x)
#endif

ivec2 biased(SUM s, uint c, uint channel) {
    ivec2 x = ivec2(TERM_AT(s.low, c), TERM_AT(s.high, c));
#if BIAS
    x = plus(x, widen(bias(min(channel + c, uint(BIASES - 1)))));
#endif
    return x;
}
