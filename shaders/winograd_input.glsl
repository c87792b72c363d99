// The 6 by 6 inputs under a tile of outputs, interpolated at 6 by 6 places: four channels of a tile an invocation.

#define SQUARES (NEAR * NEAR + FAR * FAR)
#define PRODUCT (NEAR * NEAR * FAR * FAR)

vec4 value_at(ivec2 at, int image, int four) {
    ivec2 place = clamp(at, ivec2(0), ivec2(IN_W, IN_H) - 1);
    vec4 value = source(((image * IN_H + place.y) * IN_W + place.x) * FOURS + four);
#if PADDED
    value = at == place ? value : vec4(0.0);
#endif
    return value;
}

// Six values in a row at the six places: 0, +-NEAR, +-FAR and infinity.
void interpolate(vec4 a, vec4 b, vec4 c, vec4 d, vec4 e, vec4 f, out vec4 at[6]) {
    vec4 even = e - FAR * FAR * c, odd = NEAR * (d - FAR * FAR * b);
    at[0] = PRODUCT * a - SQUARES * c + e;
    at[1] = even + odd;
    at[2] = even - odd;
    even = e - NEAR * NEAR * c;
    odd = FAR * (d - NEAR * NEAR * b);
    at[3] = even + odd;
    at[4] = even - odd;
    at[5] = PRODUCT * b - SQUARES * d + f;
}

void main() {
    int i = int(invocation());
    if (i >= TILES * FOURS) return;
    int tile = divide(i, FOURS), four = i - tile * FOURS;
    ivec3 place = place_of(tile, ACROSS, DOWN);
    ivec2 corner = place.xy * 4 - ivec2(PAD_W, PAD_H);
    int image = place.z;
    vec4 column[6], columns[36];

// Written out, for an array that a loop counts through would lie in memory where the loop is not unrolled.
#define AT(x, y) value_at(corner + ivec2(x, y), image, four)
#define COLUMN(x)                                                                    \
    interpolate(AT(x, 0), AT(x, 1), AT(x, 2), AT(x, 3), AT(x, 4), AT(x, 5), column); \
    for (int y = 0; y < 6; y++) columns[y * 6 + x] = column[y];
    COLUMN(0) COLUMN(1) COLUMN(2) COLUMN(3) COLUMN(4) COLUMN(5)

    // Rows are gone through in a loop that is not unrolled, as in lib/tile.glsl: 36 stores are the most to compile.
    int end = TILES > 0 ? 6 : 0;
    for (int r = 0; r < end; r++) {
        vec4 row[6], made[6];
        for (int x = 0; x < 6; x++) {
            CHOOSE(row[x], r, 6, columns[q * 6 + x]);
        }
        interpolate(row[0], row[1], row[2], row[3], row[4], row[5], made);
        for (int x = 0; x < 6; x++) store(uint(((r * 6 + x) * TILES + tile) * FOURS + four), made[x]);
    }
}
