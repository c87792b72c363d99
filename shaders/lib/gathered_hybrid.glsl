// What a unit adds up in one step, by its weights of 8 bits: the row of its input, and what the last step gave, each made
// integers of 8 bits. SUM is GATES in floats. To sparse weights TFLite's kernels hand integers that keep their zero points, and
// what the last step gave by the scale of the row (`CalculateLstmGateHybrid` in tensorflow/lite/kernels/lstm_eval.cc).

shared int terms[TERMS];
Grid grids[3];

ACROSS_SUBGROUPS(extremes, max, ends, subgroupMax)

#if DIAGONAL
SUM diagonal(uint unit);  // weights of floats by which a unit takes what it gave itself
#endif

// Puts n floats, FLOAT for each k, as integers into `terms` from `first` on; zero points are left in where they are KEPT.
#define TAKE(grid, FLOAT, first, n, KEPT)                                                                      \
    {                                                                                                          \
        vec4 far = vec4(-3.4028235e38);                                                                        \
        uint lane = gl_LocalInvocationIndex;                                                                   \
        for (uint k = lane; k < uint(n); k += uint(LANES)) far = max(far, vec4(-(FLOAT), FLOAT, 0.0, 0.0));    \
        far = extremes(far, lane);                                                                             \
        barrier();                                                                                             \
        grid = grid_of(-far.x, far.y);                                                                         \
        for (uint k = lane; k < uint(n); k += uint(LANES))                                                     \
            terms[uint(first) + k] = on_grid(FLOAT, grid) + KEPT * grid.zero;                                  \
        barrier();                                                                                             \
    }

// Parts of what is added up: the source, what stands beside it, what the last step gave. They are gone through in loops
// that the compiler cannot unroll, for each is much to compile.
bool is_state(uint part) { return part == uint(PARTS) - 1u; }
uint first_of(uint part) { return part == 0u ? 0u : is_state(part) ? uint(INPUTS + AUXILIARY) : uint(INPUTS); }
uint size_of(uint part) { return part == 0u ? uint(INPUTS) : is_state(part) ? uint(OUTPUTS) : uint(AUXILIARY); }
int kept(uint part) { return part == 0u ? SOURCE_SPARSE : is_state(part) ? STATE_SPARSE : 0; }

float term(uint part, uint row, uint k) {
#if BESIDE
    if (part == 1u) return auxiliary(row * uint(AUXILIARY) + k);
#endif
    return is_state(part) ? state[k] : source(row * uint(INPUTS) + k);
}

// Of a part by gate: there are four, or one.
SUM scales_of(uint part) {
    int bits[SCALES] = SCALE_BITS;
#if SCALES > 3
    uint k = 4u * part;
    return intBitsToFloat(ivec4(bits[k], bits[k + 1u], bits[k + 2u], bits[k + 3u]));
#else
    return intBitsToFloat(bits[part]);
#endif
}

void take(uint row) {
    for (uint part = 0u; part < uint(PARTS); part++)
        TAKE(grids[part], term(part, row, k), first_of(part), size_of(part), kept(part))
}

SUM gathered(uint unit, uint row, SUM start) {
    precise SUM sum = start;
    for (uint part = 0u; part < uint(PARTS); part++) {
        GATES whole = GATES(0);
        uint first = first_of(part), end = first + size_of(part);
        for (uint k = first + sum_lane(); k < end; k += uint(LOCAL_Y)) whole += terms[k] * weight(k, unit);
        float scale = grids[STATE_SPARSE == 1 && is_state(part) ? 0u : part].scale;
        precise SUM scales = scale * scales_of(part), product = SUM(joined(whole)) * scales;
        sum += product;
    }
#if DIAGONAL
    sum += diagonal(unit) * state[unit];
#endif
    return sum;
}
