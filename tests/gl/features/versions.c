// SPDX-License-Identifier: GPL-2.0-only
/* features --versions: what GL says of itself here, in each API, and its limits. */
#include <stdio.h>

#include "../gl_util.h"
#include "feature.h"

static const struct {
	const char *name;
	GLenum of;
} limits[] = {
	{ "texture size", GL_MAX_TEXTURE_SIZE },
	{ "3D texture size", GL_MAX_3D_TEXTURE_SIZE },
	{ "array layers", GL_MAX_ARRAY_TEXTURE_LAYERS },
	{ "samples", GL_MAX_SAMPLES },
	{ "draw buffers", GL_MAX_DRAW_BUFFERS },
	{ "uniform block octets", GL_MAX_UNIFORM_BLOCK_SIZE },
	{ "storage block octets", GL_MAX_SHADER_STORAGE_BLOCK_SIZE },
	{ "storage bindings", GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS },
	{ "texture buffer texels", GL_MAX_TEXTURE_BUFFER_SIZE },
	{ "image units", GL_MAX_IMAGE_UNITS },
	{ "work group invocations", GL_MAX_COMPUTE_WORK_GROUP_INVOCATIONS },
	{ "tessellation level", GL_MAX_TESS_GEN_LEVEL },
};

static void versions_of(enum gl_util_api api, const char *name)
{
	EGLContext context = gl_context(api, EGL_NO_CONTEXT);
	GLint n = 0, i;

	if (context == EGL_NO_CONTEXT) {
		printf("%s: none\n", name);
		return;
	}
	glGetIntegerv(GL_NUM_EXTENSIONS, &n);
	printf("%s: %s; shaders %s; %d extensions\n", name, glGetString(GL_VERSION),
	       glGetString(GL_SHADING_LANGUAGE_VERSION), n);
	if (api == GL_UTIL_ES) {
		printf("renderer: %s\n", glGetString(GL_RENDERER));
		for (i = 0; i < COUNT(limits); i++) {
			n = -1;
			glGetIntegerv(limits[i].of, &n);
			printf("%s: %d\n", limits[i].name, n);
		}
	}
	gl_context_end(context);
}

void feature_versions(void)
{
	gl_display();
	versions_of(GL_UTIL_CORE, "OpenGL core");
	versions_of(GL_UTIL_COMPAT, "OpenGL compatibility");
	versions_of(GL_UTIL_ES, "OpenGL ES");
	gl_close();
}
