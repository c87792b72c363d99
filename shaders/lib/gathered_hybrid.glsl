// What a unit adds up in one step, by its weights of 8 bits: the row of its input, and what the last step gave, each made
// integers of 8 bits. SUM is GATES in floats. To sparse weights TFLite's kernels hand integers that keep their zero points, and
// what the last step gave by the scale of the row (`CalculateLstmGateHybrid` in tensorflow/lite/kernels/lstm_eval.cc).

shared int terms[TERMS];
Grid grids[3];

ACROSS_LANES(extremes, max, ends)

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

void take(uint row) {
    TAKE(grids[0], source(row * uint(INPUTS) + k), 0, INPUTS, SOURCE_SPARSE)
#if AUXILIARY
    TAKE(grids[1], auxiliary(row * uint(AUXILIARY) + k), INPUTS, AUXILIARY, 0)
#endif
    TAKE(grids[2], state[k], INPUTS + AUXILIARY, OUTPUTS, STATE_SPARSE)
}

// `sum` and what n terms from `first` on add to it. All invocations must call it.
SUM added(SUM sum, uint unit, float scale, SUM of_weights, int first, int n) {
    GATES whole = GATES(0);
    for (uint k = uint(first) + sum_lane(); k < uint(first + n); k += uint(LOCAL_Y)) whole += terms[k] * weight(k, unit);
    precise SUM scales = scale * of_weights, product = SUM(joined(whole)) * scales, r = sum + product;
    return r;
}

SUM gathered(uint unit, uint row, SUM start) {
    SUM sum = added(start, unit, grids[0].scale, SOURCE_SCALES, 0, INPUTS);
#if AUXILIARY
    sum = added(sum, unit, grids[1].scale, AUXILIARY_SCALES, INPUTS, AUXILIARY);
#endif
    float scale = STATE_SPARSE == 1 ? grids[0].scale : grids[2].scale;
    precise SUM r = added(sum, unit, scale, STATE_SCALES, INPUTS + AUXILIARY, OUTPUTS);
#if DIAGONAL
    r += diagonal(unit) * state[unit];
#endif
    return r;
}
