// The spectrum of rows at one frequency, then that of what they make along the column. A turn's parts come from tables.

shared vec2 made[PRESENT];

vec2 times(vec2 a, vec2 b) { return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }

void main() {
    uint spectrum = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    if (spectrum >= uint(SPECTRA)) return;
    uint slice = spectrum / uint(SPECTRUM), along = spectrum % uint(SPECTRUM), lane = gl_LocalInvocationID.x;
    for (uint row = lane; row < uint(PRESENT); row += uint(LOCAL_X)) {
        vec2 sum = vec2(0.0);
        for (uint k = 0u; k < uint(min(COLUMNS, WIDTH)); k++) {
            uint turn = 2u * (k * along % uint(WIDTH));
            sum += source((slice * uint(ROWS) + row) * uint(COLUMNS) + k) * vec2(along_rows(turn), along_rows(turn + 1u));
        }
        made[row] = sum;
    }
    barrier();
    for (uint u = lane; u < uint(HEIGHT); u += uint(LOCAL_X)) {
        vec2 sum = vec2(0.0);
        for (uint row = 0u; row < uint(PRESENT); row++) {
            uint turn = 2u * (row * u % uint(HEIGHT));
            sum += times(made[row], vec2(along_columns(turn), along_columns(turn + 1u)));
        }
        store((slice * uint(HEIGHT) + u) * uint(SPECTRUM) + along, floatBitsToUint(sum));
    }
}
