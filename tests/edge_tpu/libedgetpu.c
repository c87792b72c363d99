/* A libedgetpu without devices: what it lists is in files, and what its delegate computes is edge_tpu/double.py's.

   Everything is in the folder $EDGETPU_DOUBLE: `devices` has a line "usb PATH" or "pci PATH" for each, `version` the
   library's. It is loaded into a Python process, whose symbols it uses. */

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct _object PyObject;
extern int PyGILState_Ensure(void);
extern void PyGILState_Release(int);
extern PyObject *PyImport_ImportModule(const char *);
extern PyObject *PyObject_CallMethod(PyObject *, const char *, const char *, ...);
extern void *PyLong_AsVoidPtr(PyObject *);
extern void PyErr_Print(void);
extern void PyErr_Clear(void);

struct edgetpu_device {
  int type;
  const char *path;
};

static FILE *opened(const char *name) {
  char path[4096];
  const char *folder = getenv("EDGETPU_DOUBLE");
  snprintf(path, sizeof path, "%s/%s", folder ? folder : "/nonexistent", name);
  return fopen(path, "r");
}

struct edgetpu_device *edgetpu_list_devices(size_t *count) {
  struct edgetpu_device *found = calloc(16, sizeof *found);
  char kind[8], path[256];
  FILE *file = opened("devices");
  *count = 0;
  while (file && *count < 16 && fscanf(file, "%7s %255s", kind, path) == 2) {
    found[*count].type = strcmp(kind, "usb") == 0;
    found[(*count)++].path = strdup(path);
  }
  if (file) fclose(file);
  return found;
}

void edgetpu_free_devices(struct edgetpu_device *devices) {
  for (int i = 0; i < 16; i++) free((void *)devices[i].path);
  free(devices);
}

const char *edgetpu_version(void) {
  static char version[256];
  FILE *file = opened("version");
  if (!file || !fgets(version, sizeof version, file)) strcpy(version, "none");
  if (file) fclose(file);
  return version;
}

void *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  const char *device = "";
  for (size_t i = 0; i < count; i++)
    if (strcmp(keys[i], "device") == 0) device = values[i];
  int state = PyGILState_Ensure();
  PyObject *module = PyImport_ImportModule("edge_tpu.double");
  PyObject *address = module ? PyObject_CallMethod(module, "create", "s", device) : NULL;
  void *made = address ? PyLong_AsVoidPtr(address) : NULL;
  if (!address) PyErr_Print();
  PyGILState_Release(state);
  return made; /* as the real one: nothing is said of a device that is not there */
}

void tflite_plugin_destroy_delegate(void *delegate) {
  int state = PyGILState_Ensure();
  PyObject *module = PyImport_ImportModule("edge_tpu.double");
  if (!module || !PyObject_CallMethod(module, "destroy", "K", (unsigned long long)(size_t)delegate))
    PyErr_Clear(); /* Python is ending */
  PyGILState_Release(state);
}
