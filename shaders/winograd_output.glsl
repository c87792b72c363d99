// What was multiplied at 6 by 6 places, as a tile of 4 by 4 outputs: four channels of a tile an invocation.

// Four values in a row, from those at 0, +-NEAR, +-FAR and infinity.
void join(vec4 zero, vec4 near, vec4 near_below, vec4 far, vec4 far_below, vec4 infinity, out vec4 made[4]) {
    vec4 even = near + near_below, odd = NEAR * (near - near_below);
    vec4 even_far = far + far_below, odd_far = FAR * (far - far_below);
    made[0] = zero + even + even_far;
    made[1] = odd + odd_far;
    made[2] = NEAR * NEAR * even + FAR * FAR * even_far;
    made[3] = NEAR * NEAR * odd + FAR * FAR * odd_far + infinity;
}

void main() {
    int i = int(invocation());
    if (i >= TILES * FOURS) return;
    int tile = divide(i, FOURS), four = i - tile * FOURS;
    ivec3 place = place_of(tile, ACROSS, DOWN);
    ivec2 corner = place.xy * 4;
    int image = place.z;
    vec4 column[4], columns[24];
    along = uint(four);

// Written out, for an array that a loop counts through would lie in memory where the loop is not unrolled.
#define AT(x, y) products((((y) * 6 + x) * TILES + tile) * FOURS + four)
#define COLUMN(x)                                                             \
    join(AT(x, 0), AT(x, 1), AT(x, 2), AT(x, 3), AT(x, 4), AT(x, 5), column); \
    for (int y = 0; y < 4; y++) columns[y * 6 + x] = column[y];
    COLUMN(0) COLUMN(1) COLUMN(2) COLUMN(3) COLUMN(4) COLUMN(5)

    for (int y = corner.y; y < min(corner.y + 4, OUT_H); y++) {  // not unrolled, as in winograd_input.glsl
        vec4 row[6], made[4];
        for (int x = 0; x < 6; x++) {
            CHOOSE(row[x], y - corner.y, 4, columns[q * 6 + x]);
        }
        join(row[0], row[1], row[2], row[3], row[4], row[5], made);
        for (int x = 0; x < 4; x++)
            if (corner.x + x < OUT_W)
                store(uint(((image * OUT_H + y) * OUT_W + corner.x + x) * FOURS + four), made[x]);
    }
}
