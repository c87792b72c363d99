// The scale of each row of floats: a group of invocations takes one.

vec2 wider(vec2 a, vec2 b) { return vec2(min(a.x, b.x), max(a.y, b.y)); }
ACROSS_LANES(widest, wider, partials)

void main() {
    uint row = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x, lane = gl_LocalInvocationID.x;
    if (row >= ELEMENTS) return;
    vec2 ends = vec2(source(element_of(row, 0u)));
    for (uint k = lane; k < uint(SIZE); k += uint(LANES)) ends = wider(ends, vec2(source(element_of(row, k))));
    ends = widest(ends, lane);
    if (lane != 0u) return;
    Grid grid = grid_of(ends.x, ends.y);
    store(row, vec4(grid.scale, grid.inverse, float(grid.zero), 0.0));
}
