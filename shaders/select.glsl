// Each element from `first` where `condition` is not 0, else from `second`, all three found by their strides.

PLACE(condition_place, RANK, DIMS, C_STRIDES)
PLACE(first_place, RANK, DIMS, A_STRIDES)
PLACE(second_place, RANK, DIMS, B_STRIDES)

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    VALUE a = VALUE(first(first_place(i))), b = VALUE(second(second_place(i)));
#if FOURS
    ivec4 c = ivec4(condition(condition_place(i)));
    store(i, VALUE(c.x != 0 ? a.x : b.x, c.y != 0 ? a.y : b.y, c.z != 0 ? a.z : b.z, c.w != 0 ? a.w : b.w));
#else
    store(i, condition(condition_place(i)) != 0 ? a : b);
#endif
}
