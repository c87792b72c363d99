// One value between the four of the input around it. `positions` says where each row and then each column lies in it.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int depth = DEPTH, width = OLD_WIDTH, height = OLD_HEIGHT;
    int pixel = divide(int(i), depth), channel = int(i) - pixel * depth;
    ivec3 at = place_of(pixel, WIDTH, HEIGHT);
    float row = positions(at.y), column = positions(HEIGHT + at.x);
    int top = max(int(floor(row)), 0), bottom = min(int(ceil(row)), height - 1);
    int left = max(int(floor(column)), 0), right = min(int(ceil(column)), width - 1);
    float down = row - float(top), along = column - float(left);
    int above = (at.z * height + top) * width, below = (at.z * height + bottom) * width;
    store(i, source((above + left) * depth + channel) * ((1.0 - down) * (1.0 - along))
           + source((below + left) * depth + channel) * (down * (1.0 - along))
           + source((above + right) * depth + channel) * ((1.0 - down) * along)
           + source((below + right) * depth + channel) * (down * along));
}
