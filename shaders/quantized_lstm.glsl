// An LSTM cell of 8-bit values, whose gates and state have 16 bits; by gate (input, forget, cell, output) in an ivec4.
// `parameters` has for each unit, one after another: the biases of what its source and of what the last step adds, what
// the gates take of the cell's state (peepholes), and factors and biases of their normalised sums.

#define SOURCE_BIASES 0
#define STATE_BIASES 1
#define PEEPHOLES 2
#define FACTORS 3
#define NORMAL_BIASES 4

shared int made[UNITS];  // what the units give, before it is projected

#define GATES_OF(a) ivec4(a[0], a[1], a[2], a[3])

ivec4 parameter(int which, uint unit) { return parameters(uint(which * UNITS) + unit); }
ivec4 within16(ivec4 x) { return clamp(x, -32768, 32767); }

// A unit's cell is read and written by one invocation alone.
#define OWN_UNITS(unit) if (sum_lane() == 0u) for (uint unit = unit_lane(); unit < uint(UNITS); unit += uint(LOCAL_X))

uint cell_place(uint unit) { return batch() * uint(UNITS) + unit; }

// Gates with what they take of a cell's state; `which` is 1 for those that take it now. TFLite counts its vectors of UNITS
// by OUTPUTS here, over the TOGETHER batches of a step, and rounds whole sixteens of them by vector instructions
// (`NeonVectorBatchVectorCwiseProductAccumulate`, which x86 runs, too).
ivec4 peeped(ivec4 gates, uint unit, int cell, ivec4 which) {
    uint place = TOGETHER == 1 ? unit : cell_place(unit);
    if (place >= uint(TOGETHER * OUTPUTS)) return gates;
    uint at = place % uint(OUTPUTS);
    ivec4 x = parameter(PEEPHOLES, at) * cell;
    x = at < uint(OUTPUTS / 16 * 16) ? multiplied_up(x, GATES_OF(PEEPHOLE_MULTIPLIERS), GATES_OF(PEEPHOLE_SHIFTS))
                                     : multiplied(x, GATES_OF(PEEPHOLE_MULTIPLIERS), GATES_OF(PEEPHOLE_SHIFTS));
    return within16(gates + which * x);
}

// The cell's state after a step, by its gates; remembers it.
int next_cell(uint unit, ivec4 gates) {
    int forget = logistic16(gates.y, 3), enter = INPUT_GATE == 1 ? logistic16(gates.x, 3) : 32767 - forget;
    int kept = divided_by_power(forget * cell_state[cell_place(unit)], 15);
    int cell = within16(kept + divided_by_power(enter * tanh16(gates.z, 3), 15 + CELL_BITS));
    if (CELL_CLIP > 0) cell = clamp(cell, -CELL_CLIP, CELL_CLIP);
    cell_state[cell_place(unit)] = cell;
    return cell;
}

int shown(int gate, int cell) {
    int x = logistic16(gate, 3) * tanh16(cell, CELL_BITS);
    return clamp(multiplied(x, MADE_MULTIPLIER, MADE_SHIFT) + MADE_ZERO, -128, 127);
}

#if NORMALIZED
shared ivec4 sums[UNITS];

// Of many values: their sum, and that of their squares, its low and its high 16 bits apart.
struct Moments { ivec4 sum; uvec4 low; uvec4 high; };
Moments plus(Moments a, Moments b) { return Moments(a.sum + b.sum, a.low + b.low, a.high + b.high); }
ACROSS_LANES(total, plus, totals)

// x * 2 ** k, within 32 bits.
int raised(int x, int k) {
    int most = 0x7fffffff >> k;
    return x > most ? 0x7fffffff : x < -most ? -0x7fffffff - 1 : x << k;
}

// 1 / sqrt(x) as a multiplier and a shift, by Newton's method (`GetInvSqrtQuantizedMultiplierExp` in TFLite's common.h).
ivec2 reciprocal_root(int x) {
    if (x <= 1) return ivec2(0x7fffffff, 0);
    int down = 11;
    for (; x >= 1 << 29; x >>= 2) down++;
    int pairs = (30 - findMSB(x)) / 2 - 1;
    down -= pairs;
    int whole = (x << 2 * pairs) >> 1, half_of_it = divided_by_power(whole, 1);
    int y = 1 << 28;
    for (int k = 0; k < 5; k++) {
        int cube = raised(high_product(high_product(y, y), y), 6);
        y = raised(high_product(402653184, y) - high_product(half_of_it, cube), 3);
    }
    y = high_product(y, 1518500250);  // half the root of 2
    return ivec2(down < 0 ? y << -down : y, -max(down, 0));
}

// The mean of UNITS values times 1024, and the multiplier and shift of 1 / their deviation.
ivec3 normal(int sum, uint low, uint high, int least) {
    uint n = magnitude(sum), over = n % uint(UNITS);
    int mean = int(n / uint(UNITS) * 1024u + over * 1024u / uint(UNITS));
    if (sum < 0) mean = -mean;
    ivec2 squares = plus(ivec2(low, 0), ivec2(high << 16, high >> 16));
    ivec2 variance = minus(times(squares, widen(ONE_OVER_UNITS)), times(widen(mean), widen(mean)));
    int units = int(uint(variance.x) >> 20 | uint(variance.y) << 12);
    return ivec3(mean, reciprocal_root(negative(variance) || units < 1 ? least : units));
}

// Makes the sums of all units less their mean, over their deviation, by factors and with biases.
void normalize_sums() {
    uint lane = gl_LocalInvocationIndex;
    Moments m = Moments(ivec4(0), uvec4(0u), uvec4(0u));
    for (uint k = lane; k < uint(UNITS); k += uint(LANES)) {
        uvec4 square = uvec4(sums[k] * sums[k]);
        m = plus(m, Moments(sums[k], square & 0xffffu, square >> 16));
    }
    m = total(m, lane);
    ivec4 means, multipliers, shifts;
    ivec4 least = GATES_OF(LEAST_VARIANCES);
    for (int gate = 0; gate < 4; gate++) {
        ivec3 found = normal(m.sum[gate], m.low[gate], m.high[gate], least[gate]);
        means[gate] = found.x;
        multipliers[gate] = found.y;
        shifts[gate] = found.z;
    }
    barrier();
    for (uint k = lane; k < uint(UNITS); k += uint(LANES)) {
        ivec4 x = multiplied(1024 * sums[k] - means, multipliers, shifts) * parameter(FACTORS, k);
        x += parameter(NORMAL_BIASES, k);
        x = ivec4((uvec4(abs(x)) + 512u) >> 10) * ((x >> 31) | 1);
        sums[k] = within16(multiplied(x, GATES_OF(NORMAL_MULTIPLIERS), GATES_OF(NORMAL_SHIFTS)));
    }
    barrier();
}
#endif

void main() {
    if (batch() >= uint(BATCHES)) return;
    recall();
    for (uint step = 0u; step < uint(STEPS * PASSES); step++) {
        uint row = row_of(step);
        for (uint first = 0u; first < uint(UNITS); first += uint(LOCAL_X)) {
            uint unit = first + unit_lane(), own = min(unit, uint(UNITS - 1));
            ivec4 source_sum = joined(of_source(own, row)) + parameter(SOURCE_BIASES, own);
            ivec4 state_sum = joined(of_state(own)) + parameter(STATE_BIASES, own);
            if (sum_lane() == 0u && unit < uint(UNITS)) {
                ivec4 gates = within16(multiplied(source_sum, GATES_OF(SOURCE_MULTIPLIERS), GATES_OF(SOURCE_SHIFTS)));
                gates = within16(multiplied(state_sum, GATES_OF(STATE_MULTIPLIERS), GATES_OF(STATE_SHIFTS)) + gates);
                gates = peeped(gates, unit, cell_state[cell_place(unit)], ivec4(1, 1, 0, 0));
#if NORMALIZED
                sums[unit] = gates;
                made[unit] = gates.w;
#else
                int cell = next_cell(unit, gates);
                made[unit] = shown(peeped(gates, unit, cell, ivec4(0, 0, 0, 1)).w, cell);
#endif
            }
        }
        barrier();
#if NORMALIZED
        // Twice, because what the output gate takes of the cell's state is normalised too.
        for (int turn = 0; turn < TURNS; turn++) {
            normalize_sums();
            OWN_UNITS(unit) {
                if (turn == 0) {
                    int cell = next_cell(unit, sums[unit]);
                    sums[unit] = peeped(ivec4(made[unit]), unit, cell, ivec4(0, 0, 0, 1));
                } else {
                    made[unit] = shown(sums[unit].w, cell_state[cell_place(unit)]);
                }
            }
            barrier();
        }
#endif
#if PROJECTED
        for (uint first = 0u; first < uint(OUTPUTS); first += uint(LOCAL_X)) {
            uint k = first + unit_lane(), column = min(k, uint(OUTPUTS - 1));
            int sum = 0;
            for (uint unit = sum_lane(); unit < uint(UNITS); unit += uint(LOCAL_Y))
                sum += made[unit] * projection(unit * uint(OUTPUTS) + column);
            sum = joined(ivec4(sum)).x + projection(uint(UNITS * OUTPUTS) + column);
            sum = clamp(multiplied(sum, PROJECTION_MULTIPLIER, PROJECTION_SHIFT) + STATE_ZERO, -128, 127);
            if (PROJECTION_CLIP > 0) sum = clamp(sum, -PROJECTION_CLIP, PROJECTION_CLIP);
            if (sum_lane() == 0u && k < uint(OUTPUTS)) give(row, k, sum);
        }
#else
        for (uint k = gl_LocalInvocationIndex; k < uint(OUTPUTS); k += uint(LOCAL_X * LOCAL_Y)) give(row, k, made[k]);
#endif
        barrier();
    }
    keep();
}
