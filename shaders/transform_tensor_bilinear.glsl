// An image under an affine map: `matrix` leads from a place in the output to one in the image.

// Sums are kept with what rounding took, for what lies on an edge depends on the last bit.
float exact_sum(float a, float b, float c, float d) {
    precise float first = a + b, second = first + c, third = second + d;
    precise float lost = (a - (first - (first - a))) + (b - (first - a));
    lost += (first - (second - (second - first))) + (c - (second - first));
    lost += (second - (third - (third - second))) + (d - (third - second));
    precise float sum = third + lost;
    return sum;
}

float coordinate(uint row, vec2 at) {
    float x = matrix(4u * row), y = matrix(4u * row + 1u), shift = matrix(4u * row + 3u);
#if MIDDLES
    shift = exact_sum(0.5 * x, 0.5 * y, -0.5, shift);
#endif
    precise float found = x * at.x + y * at.y + shift;
    return found;
}

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint pixel = i / uint(CHANNELS);
    vec2 at = vec2(pixel % uint(OUT_W), pixel / uint(OUT_W));
    vec2 from = vec2(coordinate(0u, at), coordinate(1u, at));
    bool inside = all(greaterThanEqual(from, vec2(0.0))) && all(lessThanEqual(from, vec2(IN_W - 1, IN_H - 1)));
    store(i, inside ? bilinear(from, 0u, i % uint(CHANNELS)) : VALUE(0.0));
}
