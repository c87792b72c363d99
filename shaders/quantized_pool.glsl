// Pools of integers: one invocation walks a window, clipped to the image, for one value of channels.
// TAKE joins a `value` to a total `x`; RESULT makes the output of the total `x` of `n` values.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int channels = CHANNELS, width = IN_W, height = IN_H;
    int pixel = divide(int(i), channels), channel = int(i) - pixel * channels;
    ivec3 place = place_of(pixel, OUT_W, OUT_H);
    ivec2 start = ivec2(place.x * STRIDE_W - PAD_W, place.y * STRIDE_H - PAD_H);
    ivec2 end = min(start + ivec2(KERNEL_W, KERNEL_H), ivec2(width, height));
    start = max(start, ivec2(0));

    VALUE x = VALUE(IDENTITY);
    for (int row = start.y; row < end.y; row++) {
        int at = ((place.z * height + row) * width + start.x) * channels + channel;
        for (int column = start.x; column < end.x; column++, at += channels) {
            VALUE value = source(at);
            x = TAKE;
        }
    }
    int n = (end.x - start.x) * (end.y - start.y);
    store(i, clamp(RESULT, LOW, HIGH));
}
