"""OpenGL without a window: which EGL devices are here, and contexts on them, of desktop OpenGL or of OpenGL ES.

Contexts are made by EGL alone and given to moderngl, which makes none of OpenGL ES, nor any that tells when it is lost.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import moderngl

LIBEGL, LIBGLES = "libEGL.so.1", "libGLESv2.so.2"
PACKAGES = "install the packages libegl1, libgl1 and libgl1-mesa-dri (Debian, Ubuntu: apt-get install ...)"
APIS = {"gl": "OpenGL 4.3", "gles": "OpenGL ES 3.1"}  # what a context must be at least

EGL_NONE = 0x3038
EGL_SURFACE_TYPE, EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_OPENGL_ES3_BIT = 0x3033, 0x3040, 0x8, 0x40
EGL_EXTENSIONS = 0x3055
EGL_DRAW, EGL_READ = 0x3059, 0x305A
EGL_CONTEXT_MAJOR_VERSION, EGL_CONTEXT_MINOR_VERSION = 0x3098, 0x30FB
EGL_CONTEXT_PROFILE, EGL_CORE_PROFILE = 0x30FD, 0x1
EGL_RESET_NOTIFICATION, EGL_RESET_NOTIFICATION_EXT, EGL_LOSE_CONTEXT_ON_RESET = 0x31BD, 0x3138, 0x31BF
EGL_OPENGL_API, EGL_OPENGL_ES_API = 0x30A2, 0x30A0
EGL_PLATFORM_DEVICE_EXT, EGL_PLATFORM_SURFACELESS_MESA = 0x313F, 0x31DD

INT, UINT, HANDLE, POINTER = ctypes.c_int, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p


@dataclass(frozen=True)
class Asked:
    """What a context is asked for: attributes, and those by which it tells when it is lost; moderngl's version code."""

    api: int
    renderable: int
    attributes: tuple[int, ...]
    telling: tuple[int, int]
    version: int


ASKED = {
    "gl": Asked(
        EGL_OPENGL_API, EGL_OPENGL_BIT,
        (EGL_CONTEXT_MAJOR_VERSION, 4, EGL_CONTEXT_MINOR_VERSION, 3, EGL_CONTEXT_PROFILE, EGL_CORE_PROFILE),
        (EGL_RESET_NOTIFICATION, EGL_LOSE_CONTEXT_ON_RESET), 430,
    ),
    "gles": Asked(
        EGL_OPENGL_ES_API, EGL_OPENGL_ES3_BIT, (EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 1),
        (EGL_RESET_NOTIFICATION_EXT, EGL_LOSE_CONTEXT_ON_RESET), 310,
    ),
}  # fmt: skip

# What tells why a context is lost, by the extension that brings it.
RESET_STATUS = {
    "GL_KHR_robustness": "glGetGraphicsResetStatusKHR",
    "GL_ARB_robustness": "glGetGraphicsResetStatusARB",
    "GL_EXT_robustness": "glGetGraphicsResetStatusEXT",
}


class NoGL(Exception):
    """There is no usable GL: `args` are why not, and what would mend it."""


@cache
def library() -> ctypes.CDLL:
    """libEGL. Raises NoGL where it is missing."""
    try:
        egl = ctypes.CDLL(LIBEGL)
    except OSError as error:
        raise NoGL(f"OpenGL is missing here: {error}", PACKAGES) from None
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = [ctypes.c_char_p]
    return egl


@cache
def address(name: str) -> int:
    """Where a function of EGL or GL lies, 0 where there is none. Raises NoGL where EGL is missing."""
    egl = library()
    found = egl.eglGetProcAddress(name.encode())
    if not found and not name.startswith("egl"):  # before EGL 1.5 only extensions need be found that way
        try:
            egl = ctypes.CDLL(LIBGLES)
        except OSError:
            return 0
    if not found and hasattr(egl, name):
        found = ctypes.cast(getattr(egl, name), ctypes.c_void_p).value
    return int(found or 0)


@cache
def function(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A function of EGL or GL, by its C types, called without the GIL. Raises NoGL if it is missing."""
    found = address(name)
    if not found:
        raise NoGL(f"{name} is missing here", "update the GPU's driver (Mesa)")
    return ctypes.CFUNCTYPE(result, *arguments)(found)


@cache
def quick(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """The same, called with the GIL: for what only notes something down, since to get the GIL back may take long."""
    function(name, result, *arguments)
    return ctypes.PYFUNCTYPE(result, *arguments)(address(name))


@contextmanager
def as_before() -> Iterator[None]:
    """Make what is current in this thread now current again afterwards: a context of EGL or of GLX."""
    egl, glx = current_egl(), current_glx()
    if egl:
        surface = function("eglGetCurrentSurface", HANDLE, INT)
        where = function("eglGetCurrentDisplay", HANDLE)(), surface(EGL_DRAW), surface(EGL_READ)
    try:
        yield
    finally:
        if egl:
            function("eglMakeCurrent", UINT, HANDLE, HANDLE, HANDLE, HANDLE)(*where, egl)
        elif glx:
            function("glXMakeCurrent", INT, HANDLE, HANDLE, HANDLE)(*glx)


def current_egl() -> int:
    """The context of EGL that is current in this thread; 0 without."""
    return function("eglGetCurrentContext", HANDLE)() or 0


def current_glx() -> tuple[int, ...]:
    """Display, drawable and context of GLX that are current in this thread; empty without."""
    names = ("glXGetCurrentDisplay", "glXGetCurrentDrawable", "glXGetCurrentContext")
    if not address(names[-1]) or not function(names[-1], HANDLE)():
        return ()
    return tuple(function(name, HANDLE)() for name in names)


def devices() -> tuple[int, ...]:
    """The handles of EGL's devices. Empty where it cannot list them (EGL_EXT_device_enumeration)."""
    if not address("eglQueryDevicesEXT"):
        return ()
    handles, count = (HANDLE * 64)(), INT(0)
    query = function("eglQueryDevicesEXT", UINT, INT, POINTER, POINTER)
    if not query(len(handles), handles, ctypes.byref(count)):
        return ()
    return tuple(handle or 0 for handle in handles[: count.value])


def software_flags() -> tuple[bool, ...]:
    """One flag for each of `devices()`: whether it says that it is software. Raises NoGL where EGL is missing."""
    if not address("eglQueryDeviceStringEXT"):
        return ()
    describe = function("eglQueryDeviceStringEXT", ctypes.c_char_p, HANDLE, INT)
    return tuple(b"EGL_MESA_device_software" in (describe(device, EGL_EXTENSIONS) or b"") for device in devices())


class EGLContext:
    """A context on one device, without a surface: what moderngl wants one to be."""

    def __init__(self, display: int, api: str, share: int | None = None) -> None:
        """Make one of `APIS`, current nowhere, that has the objects of `share`. Raises NoGL if it cannot be had."""
        self._make_current = function("eglMakeCurrent", UINT, HANDLE, HANDLE, HANDLE, HANDLE)
        self._destroy = function("eglDestroyContext", UINT, HANDLE, HANDLE)
        self._display = display
        self._context = new_context(display, api, share)
        if self._context is None:
            raise NoGL("EGL makes no context", "update the GPU's driver (Mesa)")

    @classmethod
    def on(cls, index: int, api: str) -> EGLContext:
        """One on EGL device `index`. Raises NoGL if it cannot be had."""
        problem = NoGL("EGL has no display there", "update the GPU's driver (Mesa)")
        for display in displays(index):
            try:
                return cls(display, api)
            except NoGL as error:
                problem = error
        raise problem

    @classmethod
    def beside(cls, api: str) -> EGLContext:
        """One that shares the objects of the context that is current. Raises NoGL if it cannot be had."""
        display, share = function("eglGetCurrentDisplay", HANDLE)(), current_egl()
        if not display or not share:
            raise NoGL("no context of EGL is current", "use one")
        return cls(display, api, share)

    def load_opengl_function(self, name: str) -> int:
        """The address of a GL function, 0 where there is none."""
        return address(name)

    load = load_opengl_function

    def __enter__(self) -> EGLContext:
        """Make it current."""
        self._make_current(self._display, None, None, self._context)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave none current."""
        self._make_current(self._display, None, None, None)

    def release(self) -> None:
        """Destroy it. May be called twice."""
        context, self._context = self._context, None
        if context is not None:
            self._destroy(self._display, context)


def displays(index: int) -> list[int]:
    """EGL's displays that may serve device `index`, initialised: where EGL lists no devices, what needs no window."""
    listed = devices()
    found = [get_display(EGL_PLATFORM_DEVICE_EXT, listed[index])] if 0 <= index < len(listed) else []
    if not listed:
        found = [get_display(EGL_PLATFORM_SURFACELESS_MESA, None), function("eglGetDisplay", HANDLE, HANDLE)(None)]
    initialize = function("eglInitialize", UINT, HANDLE, POINTER, POINTER)
    return [display for display in found if display and initialize(display, None, None)]


def get_display(platform: int, device: int | None) -> int | None:
    """The EGL display of a device on a platform, if there is one."""
    if not address("eglGetPlatformDisplayEXT"):
        return None
    display: int | None = function("eglGetPlatformDisplayEXT", HANDLE, UINT, HANDLE, POINTER)(platform, device, None)
    return display


def new_context(display: int, api: str, share: int | None = None) -> int | None:
    """A new context of one of `APIS`, if the display gives one: one that tells when it is lost, if that can be had.

    It has the objects of `share`, another context on that display.
    """
    choose = function("eglChooseConfig", UINT, HANDLE, POINTER, POINTER, INT, POINTER)
    create = function("eglCreateContext", HANDLE, HANDLE, HANDLE, HANDLE, POINTER)
    bind, bound = function("eglBindAPI", UINT, UINT), function("eglQueryAPI", UINT)
    wanted = ASKED[api]
    config, count = HANDLE(), INT(0)
    kind = (INT * 5)(EGL_RENDERABLE_TYPE, wanted.renderable, EGL_SURFACE_TYPE, 0, EGL_NONE)
    if not choose(display, kind, ctypes.byref(config), 1, ctypes.byref(count)) or not count.value:
        return None
    before = bound()
    bind(wanted.api)
    try:
        for telling in (wanted.telling, ()):
            attributes = (*wanted.attributes, *telling, EGL_NONE)
            made: int | None = create(display, config, share, (INT * len(attributes))(*attributes))
            if made:
                return made
        return None
    finally:
        bind(before)


def open_context(index: int, api: str) -> moderngl.Context:
    """A context of one of `APIS` on EGL device `index`, current nowhere. Raises NoGL if it cannot be had."""
    library()
    try:
        own: Any = EGLContext.on(index, api)
        with own:
            ctx = moderngl.create_context(require=ASKED[api].version, context=own)
            _ = ctx.error  # moderngl asks OpenGL ES for more than that knows
            return ctx
    except Exception as error:  # moderngl raises bare Exception and its own, with all there is to say
        raise NoGL(f"device {index} gives no {APIS[api]} context: {error}", "update the GPU's driver (Mesa)") from None


def reset_status(ctx: moderngl.Context) -> int:
    """Why the context that is current is lost, by GL's number; 0 where it is not, or cannot tell."""
    for extension, name in RESET_STATUS.items():
        if extension in ctx.extensions and address(name):
            return int(function(name, UINT)())
    return 0
