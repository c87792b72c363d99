// One value between the four of the input around it. `positions` says where each row and then each column lies in it.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    ivec4 at = position_of(i, ivec4(0, HEIGHT, WIDTH, DEPTH));
    float row = positions(at.y), column = positions(HEIGHT + at.z);
    int top = max(int(floor(row)), 0), bottom = min(int(ceil(row)), OLD_HEIGHT - 1);
    int left = max(int(floor(column)), 0), right = min(int(ceil(column)), OLD_WIDTH - 1);
    float down = row - float(top), along = column - float(left);
    ivec4 old = ivec4(0, OLD_HEIGHT, OLD_WIDTH, DEPTH);
    store(i, source(index_of(ivec4(at.x, top, left, at.w), old)) * ((1.0 - down) * (1.0 - along))
           + source(index_of(ivec4(at.x, bottom, left, at.w), old)) * (down * (1.0 - along))
           + source(index_of(ivec4(at.x, top, right, at.w), old)) * ((1.0 - down) * along)
           + source(index_of(ivec4(at.x, bottom, right, at.w), old)) * (down * along));
}
