// An LSTM cell. Its gates are a vec4: input, forget, cell and output. `parameters` has for each unit, one after another:
// the biases of the gates, what they take of the cell's state (peepholes), and the factors of their normalised sums.

#define BIASES 0
#define PEEPHOLES 1
#define FACTORS 2
#define DIAGONALS 3  // where there are some, for what a unit takes of what it gave

shared float made[UNITS];  // what the units give, before it is projected

vec4 parameter(int which, uint unit) { return parameters(uint(which * UNITS) + unit); }

#if DIAGONAL
vec4 diagonal(uint unit) { return parameter(DIAGONALS, unit); }
#endif

// A unit's cell is read and written by one invocation alone.
#define OWN_UNITS(unit) if (sum_lane() == 0u) for (uint unit = unit_lane(); unit < uint(UNITS); unit += uint(LOCAL_X))

uint cell_place(uint unit) { return batch() * uint(UNITS) + unit; }

// What of a cell goes through the output gate. TFLite activates the state into memory that holds the cell gate; without an
// activation that is what it goes on with (`CalculateLstmOutputFloat` in tensorflow/lite/kernels/lstm_eval.cc).
float shown(float cell, vec4 gates) { return PASSED_ON == 1 ? gates.z : activated(cell); }

// The cell's state after a step, by its gates; remembers it.
float next_cell(uint unit, vec4 gates) {
    float forget = logistic(gates.y), enter = INPUT_GATE == 1 ? logistic(gates.x) : 1.0 - forget;
    float cell = forget * cell_state[cell_place(unit)] + enter * activated(gates.z);
    float most = intBitsToFloat(CELL_CLIP);
    if (most > 0.0) cell = clamp(cell, -most, most);
    cell_state[cell_place(unit)] = cell;
    return cell;
}

#if NORMALIZED
shared vec4 sums[UNITS];

vec4 plus(vec4 a, vec4 b) { return a + b; }
ACROSS_SUBGROUPS(total, plus, totals, subgroupAdd)

// Makes the sums of all units less their mean, over their deviation.
void normalize_sums() {
    uint lane = gl_LocalInvocationIndex;
    vec4 x = vec4(0.0);
    for (uint k = lane; k < uint(UNITS); k += uint(LANES)) x += sums[k];
    vec4 mean = total(x, lane) / float(UNITS);
    barrier();
    x = vec4(0.0);
    for (uint k = lane; k < uint(UNITS); k += uint(LANES)) x += (sums[k] - mean) * (sums[k] - mean);
    vec4 deviation = sqrt(total(x, lane) / float(UNITS) + 1e-8);
    barrier();
    for (uint k = lane; k < uint(UNITS); k += uint(LANES)) sums[k] = (sums[k] - mean) / deviation;
    barrier();
}

vec4 gates_of(uint unit) { return sums[unit] * parameter(FACTORS, unit) + parameter(BIASES, unit); }
#endif

#if PROJECTED && HYBRID
Grid made_grid;

void take_made() { TAKE(made_grid, made[k], 0, UNITS, PROJECTION_SPARSE) }

float projected(uint column) {
    int sum = 0;
    for (uint unit = sum_lane(); unit < uint(UNITS); unit += uint(LOCAL_Y))
        sum += terms[unit] * projection(unit * uint(OUTPUTS) + column);
    precise float scale = made_grid.scale * intBitsToFloat(PROJECTION_SCALE), product = float(joined(ivec4(sum)).x) * scale;
    precise float r = intBitsToFloat(projection(uint(UNITS * OUTPUTS) + column)) + product;
    return r;
}
#elif PROJECTED
void take_made() {}

float projected(uint column) {
    float sum = 0.0;
    for (uint unit = sum_lane(); unit < uint(UNITS); unit += uint(LOCAL_Y))
        sum += made[unit] * projection(unit * uint(OUTPUTS) + column);
    return joined(vec4(sum)).x + projection(uint(UNITS * OUTPUTS) + column);
}
#endif

void main() {
    if (batch() >= uint(BATCHES)) return;
    recall();
    for (uint step = 0u; step < uint(STEPS * PASSES); step++) {
        uint row = row_of(step);
        take(row);
        for (uint first = 0u; first < uint(UNITS); first += uint(LOCAL_X)) {
            uint unit = first + unit_lane();
            uint own = min(unit, uint(UNITS - 1));
            vec4 sum = gathered(own, row, NORMALIZED == 1 ? vec4(0.0) : parameter(BIASES, own));
            if (sum_lane() == 0u && unit < uint(UNITS)) {
                vec4 peephole = parameter(PEEPHOLES, unit);
                sum.xy += peephole.xy * cell_state[cell_place(unit)];
#if NORMALIZED
                sums[unit] = sum;
                made[unit] = sum.w;
#else
                float cell = next_cell(unit, sum);
                made[unit] = logistic(sum.w + peephole.w * cell) * shown(cell, sum);
#endif
            }
        }
        barrier();
#if NORMALIZED
        // Twice, because what the output gate takes of the cell's state is normalised too.
        for (int turn = 0; turn < TURNS; turn++) {
            normalize_sums();
            OWN_UNITS(unit) {
                vec4 gates = gates_of(unit);
                if (turn == 0) {
                    float cell = next_cell(unit, gates);
                    sums[unit].w = made[unit] + parameter(PEEPHOLES, unit).w * cell;
                    made[unit] = shown(cell, gates);
                } else {
                    made[unit] *= logistic(gates.w);
                }
            }
            barrier();
        }
#endif
#if PROJECTED
        take_made();
        for (uint first = 0u; first < uint(OUTPUTS); first += uint(LOCAL_X)) {
            uint k = first + unit_lane(), column = min(k, uint(OUTPUTS - 1));
            float sum = projected(column);
            float most = intBitsToFloat(PROJECTION_CLIP);
            if (most > 0.0) sum = clamp(sum, -most, most);
            if (sum_lane() == 0u && k < uint(OUTPUTS)) give(row, k, sum);
        }
#else
        for (uint k = gl_LocalInvocationIndex; k < uint(OUTPUTS); k += uint(LOCAL_X * LOCAL_Y)) give(row, k, made[k]);
#endif
        barrier();
    }
    keep();
}
