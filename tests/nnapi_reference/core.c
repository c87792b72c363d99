/* Handles, breaches of the contract, and what tests ask the library to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nn.h"

static Object *objects;
static char breaches[4096];
static char failing_function[64];
static int failing_code, failing_after;
int life;
bool away;

void breach(const char *where, const char *what) {
    size_t used = strlen(breaches);
    snprintf(breaches + used, sizeof breaches - used, "%s: %s\n", where, what);
}

void *new_object(Kind kind, size_t size) {
    Object *made = calloc(1, size);
    made->kind = kind, made->alive = true, made->next = objects;
    return objects = made;
}

int check(const void *object, Kind kind, const char *where) {
    if (object == NULL) return UNEXPECTED_NULL;
    for (const Object *o = objects; o; o = o->next)
        if (o == object) {
            if (o->kind != kind) return breach(where, "another kind of handle"), BAD_DATA;
            if (!o->alive) return breach(where, "a handle that was freed"), BAD_STATE;
            return failing(where);
        }
    return breach(where, "no handle of this library"), BAD_DATA;
}

int release(void *object, Kind kind, const char *where) {
    if (object == NULL) return BAD_STATE; /* freeing nothing is allowed, and nothing */
    int armed = failing_code;
    failing_code = 0;
    int found = check(object, kind, where);
    failing_code = armed;
    if (found != NO_ERROR) return found;
    if (((Object *)object)->users) breach(where, "freed while something still uses it");
    ((Object *)object)->alive = false;
    return NO_ERROR;
}

int failing(const char *where) {
    if (!failing_code || strcmp(where, failing_function) || failing_after-- > 0) return NO_ERROR;
    int code = failing_code;
    failing_code = 0;
    return code;
}

/* What tests call. */
void reference_fail(const char *function, int code, int after) {
    snprintf(failing_function, sizeof failing_function, "%s", function);
    failing_code = code, failing_after = after;
}

void reference_die(bool for_good) { life++, away = for_good; }

const char *reference_breaches(void) { return breaches; }

int reference_alive(void) {
    int n = 0;
    for (const Object *o = objects; o; o = o->next) n += o->alive;
    return n;
}

void reference_reset(void) {
    while (objects) {
        Object *next = objects->next;
        free(objects);
        objects = next;
    }
    breaches[0] = 0, failing_code = 0, away = false;
}

size_t size_of(int32_t type) {
    static const size_t sizes[TYPES] = {4, 4, 4, 4, 4, 1, 1, 2, 2, 1, 2, 1, 2, 1, 1};
    return sizes[type];
}

bool is_scalar(int32_t type) {
    return type == FLOAT32 || type == INT32 || type == UINT32 || type == BOOL || type == FLOAT16;
}

size_t count_of(uint32_t rank, const uint32_t *dims) {
    size_t n = 1;
    for (uint32_t k = 0; k < rank; k++) n *= dims[k];
    return n;
}

uint64_t checksum(const uint8_t *bytes, size_t length) {
    uint64_t sum = 14695981039346656037u;
    for (size_t k = 0; k < length; k++) sum = (sum ^ bytes[k]) * 1099511628211u;
    return sum;
}
