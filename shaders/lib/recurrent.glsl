// What recurrent cells share. A group takes one batch through all steps of a sequence: LOCAL_X invocations along x take a
// unit each, and share the sums of it with those along y. GATES is what a unit adds up.

void store(uint i, VALUE x);

shared VALUE state[OUTPUTS];  // what the last step gave
shared GATES part[LOCAL_Y][LOCAL_X];

uint unit_lane() { return gl_LocalInvocationID.x; }
uint sum_lane() { return gl_LocalInvocationID.y; }
uint batch() { return gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x; }

#ifdef ACTIVATION
float activated(float x) { return ACTIVATED; }
#endif

// Which row of the sequence a step of this batch takes.
uint row_of(uint step) {
    uint time = PASSES > 1 ? step % uint(STEPS) : step;
    if (REVERSE == 1) time = uint(STEPS) - 1u - time;
    return batch() * uint(BATCH_ROWS) + time * uint(STEP_ROWS);
}

// The sum over the invocations that share a unit. All invocations must call it; the first of those gets it.
GATES joined(GATES x) {
    part[sum_lane()][unit_lane()] = x;
    barrier();
    if (sum_lane() == 0u)
        for (uint s = 1u; s < uint(LOCAL_Y); s++) x += part[s][unit_lane()];
    barrier();
    return x;
}

GATES weight(uint k, uint unit) { return weights(k * uint(UNITS) + unit); }

// The state from one run to the next.
void recall() {
    for (uint k = gl_LocalInvocationIndex; k < uint(OUTPUTS); k += uint(LOCAL_X * LOCAL_Y))
        state[k] = output_state[batch() * uint(OUTPUTS) + k];
    barrier();
}

void keep() {
    barrier();
    for (uint k = gl_LocalInvocationIndex; k < uint(OUTPUTS); k += uint(LOCAL_X * LOCAL_Y))
        output_state[batch() * uint(OUTPUTS) + k] = state[k];
}

// One output of a step, which is the next one's state.
void give(uint row, uint k, VALUE x) {
    state[k] = x;
    store(row * uint(ROW_STEP) + uint(ROW_START) + k, x);
}
