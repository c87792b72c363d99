// The matrix that leads from an image to the box around a subset of landmarks, which is turned so that the line between two
// of them has a given angle. Each of 16 threads makes one element of it.

vec2 point(int k) { return vec2(landmarks(3 * k), landmarks(3 * k + 1)); }

void main() {
    uint i = gl_LocalInvocationID.x;
    vec2 line = point(RIGHT) - point(LEFT);
#if FIRST
    if (line.x < 0.0) line = -line;  // an angle between -90 and 90 degrees
    line = normalize(line / max(abs(line.x), abs(line.y)));
#else
    line = line == vec2(0.0) ? vec2(1.0, 0.0) : normalize(line / max(abs(line.x), abs(line.y)));
#endif
    // Cosine and sine of the angle that is wanted less the one that the line has.
    float c = COS * line.x + SIN * line.y, s = SIN * line.x - COS * line.y;

    vec2 low = vec2(uintBitsToFloat(0x7f800000u)), high = -low;
    for (int k = 0; k < COUNT; k++) {
        vec2 at = point(subset(k));
        at = vec2(c * at.x - s * at.y, s * at.x + c * at.y);
        low = min(low, at);
        high = max(high, at);
    }
    vec2 middle = (low + high) / 2.0, box = (high - low) * vec2(BOX[0], BOX[1]);
    middle = vec2(c * middle.x + s * middle.y, c * middle.y - s * middle.x);

    float row = i < 4u ? ROWS[0] : ROWS[1];
    vec2 turned = row * (i < 4u ? vec2(c, s) : vec2(-s, c)) * box;
    float shift = i < 4u ? SHIFT[0] * middle.x : SHIFT[1] * middle.y;
    shift -= dot(turned, vec2(HALF[0], HALF[1]));
    float identity = i % 5u == 0u ? 1.0 : 0.0;
    store(i, i >= 8u || i % 4u == 2u ? identity : i % 4u == 3u ? shift : turned[i % 4u]);
}
