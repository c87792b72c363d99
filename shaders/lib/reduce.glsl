// Reductions over the LANES invocations of a workgroup that work on the same result, by a tree in shared memory.
// LANES is a power of 2; LANE_STEP is how far apart neighbouring lanes are in gl_LocalInvocationIndex. The tree's nodes
// have up to 16 children: a barrier costs more than a few reads, most of all where threads are software.

// Which lane of its tree this invocation is, and of which tree: a workgroup has as many as there are invocations for.
uint tree_lane() { return LANE_STEP == 1 ? gl_LocalInvocationID.x : gl_LocalInvocationID.y; }
uint tree() {
    uint group = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    return group * uint(LOCAL_X * LOCAL_Y / LANES) + (LANE_STEP == 1 ? gl_LocalInvocationID.y : gl_LocalInvocationID.x);
}

// Defines PARTIAL name(PARTIAL x, uint lane), which gives every lane `combine` over all lanes' x, by way of the shared
// array `partials` of its own. All invocations must call it, once.
#define ACROSS_LANES(name, combine, partials)                                                           \
    shared PARTIAL partials[LOCAL_X * LOCAL_Y];                                                         \
    PARTIAL name(PARTIAL x, uint lane) {                                                                \
        if (LANES == 1) return x;                                                                       \
        uint slot = gl_LocalInvocationIndex;                                                            \
        partials[slot] = x;                                                                             \
        for (uint width = uint(LANES), parents; width > 1u; width = parents) {                          \
            parents = max(width / 16u, 1u);                                                             \
            barrier();                                                                                  \
            if (lane < parents) {                                                                       \
                for (uint k = lane + parents; k < width; k += parents) {                                \
                    x = combine(x, partials[slot + (k - lane) * uint(LANE_STEP)]);                      \
                }                                                                                       \
                partials[slot] = x;                                                                     \
            }                                                                                           \
        }                                                                                               \
        barrier();                                                                                      \
        return partials[slot - lane * uint(LANE_STEP)];                                                 \
    }

// The same where `of_subgroup` is what gives the lanes of a subgroup `combine` over their x. By it the lanes are joined
// where the driver has subgroups, and a group makes one result: then one number for each of them is left.
#ifdef BY_SUBGROUPS
#define ACROSS_SUBGROUPS(name, combine, partials, of_subgroup)                                          \
    shared PARTIAL partials[LANES];                                                                     \
    PARTIAL name(PARTIAL x, uint lane) {                                                                \
        x = of_subgroup(x);                                                                             \
        if (gl_NumSubgroups == 1u) return x;                                                            \
        if (subgroupElect()) partials[gl_SubgroupID] = x;                                               \
        barrier();                                                                                      \
        x = partials[0];                                                                                \
        for (uint k = 1u; k < gl_NumSubgroups; k++) x = combine(x, partials[k]);                        \
        return x;                                                                                       \
    }
#else
#define ACROSS_SUBGROUPS(name, combine, partials, of_subgroup) ACROSS_LANES(name, combine, partials)
#endif
