// What a unit adds up in one step, by its weights: the row of its input, and what the last step gave.

void take(uint row) {}

// This invocation's part.
GATES of_source(uint unit, uint row) {
    GATES sum = GATES(0);
    for (uint k = sum_lane(); k < uint(INPUTS); k += uint(LOCAL_Y))
        sum += source(row * uint(INPUTS) + k) * weight(k, unit);
#if BESIDE
    for (uint k = sum_lane(); k < uint(AUXILIARY); k += uint(LOCAL_Y))
        sum += auxiliary(row * uint(AUXILIARY) + k) * weight(uint(INPUTS) + k, unit);
#endif
    return sum;
}

GATES of_state(uint unit) {
    GATES sum = GATES(0);
    for (uint k = sum_lane(); k < uint(OUTPUTS); k += uint(LOCAL_Y))
        sum += state[k] * weight(uint(INPUTS + AUXILIARY) + k, unit);
    return sum;
}

GATES gathered(uint unit, uint row, GATES start) { return start + joined(of_source(unit, row) + of_state(unit)); }
