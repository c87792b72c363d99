// What lies under each window, in a row of its own in the order of the weights, made up to whole fours: four an invocation.
// Widths are in values, of all channels.

void main() {
    int i = int(invocation());
    if (i >= ROWS * FOURS) return;
    int row = divide(i, FOURS), first = (i - row * FOURS) * 4;
    ivec3 at = place_of(row, OUT_W, OUT_H);
    ivec2 corner = at.xy * ivec2(STRIDE_W, STRIDE_H) - ivec2(PAD_W, PAD_H);
    int y = divide(first, KERNEL_W), x = first - y * KERNEL_W;
    VALUE found = VALUE(FILL);
#if STEP == 4
    ivec2 place = corner + ivec2(x, y * DILATION_H), within = clamp(place, ivec2(0), ivec2(IN_W, IN_H) - 1);
    VALUE value = source(((at.z * IN_H + within.y) * IN_W + within.x) / 4);
    if (place == within) found = value;
#else
    for (int k = 0; k < 4; k++) {
        ivec2 place = corner + ivec2(x, y * DILATION_H), within = clamp(place, ivec2(0), ivec2(IN_W, IN_H) - 1);
        VALUE value = VALUE(source((at.z * IN_H + within.y) * IN_W + within.x));
        if (place == within && y < KERNEL_H) found[k] = value[k];
        x++;
        y += x == KERNEL_W ? 1 : 0;
        x = x == KERNEL_W ? 0 : x;
    }
#endif
    store(uint(i), found);
}
