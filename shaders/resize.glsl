// Values between the four of the input around them, EACH of a pixel's in a row. `positions` says where each row and then
// each column lies in the input.

void main() {
    int i = int(invocation()), each = EACH, depth = DEPTH, width = OLD_WIDTH, height = OLD_HEIGHT;
    int pixel = divide(i, PARTS), channel = (i - pixel * PARTS) * each, end = min(channel + each, depth);
    if (pixel >= PIXELS) return;
    ivec3 at = place_of(pixel, WIDTH, HEIGHT);
    float row = positions(at.y), column = positions(HEIGHT + at.x);
    int top = max(int(floor(row)), 0), bottom = min(int(ceil(row)), height - 1);
    int left = max(int(floor(column)), 0), right = min(int(ceil(column)), width - 1);
    float down = row - float(top), along = column - float(left);
    int above = (at.z * height + top) * width, below = (at.z * height + bottom) * width;
    for (; channel < end; channel++)
        store(uint(pixel * depth + channel),
              source((above + left) * depth + channel) * ((1.0 - down) * (1.0 - along))
            + source((below + left) * depth + channel) * (down * (1.0 - along))
            + source((above + right) * depth + channel) * ((1.0 - down) * along)
            + source((below + right) * depth + channel) * (down * along));
}
