// Divides each value by a power of the sum of squares of the channels from RADIUS before it to the one before RADIUS after
// it: TFLite leaves out the last (`LocalResponseNormalization` in tensorflow/lite/kernels/internal/reference).

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int channel = int(i % uint(CHANNELS)), pixel = int(i) - channel;
    float sum = 0.0;
    for (int c = max(channel - RADIUS, 0); c < min(channel + RADIUS, CHANNELS); c++) {
        sum += source(pixel + c) * source(pixel + c);
    }
    store(i, source(i) * power(BIAS + ALPHA * sum, -(BETA)));
}
