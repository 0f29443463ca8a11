# SPDX-License-Identifier: GPL-2.0-only
# Which tests of piglit (sourced). Each set is one or more parts; a part is a profile of piglit's, a
# platform, and the options that choose tests. part NAME calls a function with them.
#
# Left out everywhere, with the reason:
# - streaming-texture-leak: 26 s natively and beyond the time-out of 60 s through virpipe;
# - max-texture-size, gl-1.0-blend-func, texwrap: minutes of llvmpipe's, little of the path's;
# - local-id-explosion: a minute and a half natively, in one dispatch that nothing can interrupt;
# - the glsl-4.20 batch: beyond the time-out natively.
LEFT_OUT="-x local-id-explosion -x streaming-texture-leak -x max-texture-size -x gl-1.0-blend-func -x texwrap"

# About five minutes for all three ways on two processors; needs an X server only for its second part.
set_quick() {
	part egl quick_gl surfaceless_egl $LEFT_OUT -t 'opengl es 2.0' -t 'opengl es 3.0' -t 'opengl es 3.1' \
		-t arb_vertex_buffer_object -t arb_uniform_buffer_object -t arb_instanced_arrays
	part x11 quick_gl x11_egl $LEFT_OUT -x glx_ -t '!opengl 1.0' -t '!opengl 1.5' -t '!opengl 3' \
		-t arb_framebuffer_object -t arb_sync -t arb_texture_buffer_object -t arb_occlusion_query \
		-t arb_compute_shader -t ext_transform_feedback2
}

set_recommended() {
	part x11 quick_gl x11_egl $LEFT_OUT -t 'spec@!opengl 1' -t '!opengl 2' -t ext_framebuffer_object \
		-t arb_framebuffer_object -t arb_vertex_buffer_object -t arb_uniform_buffer_object \
		-t arb_instanced_arrays -t glsl-1.10 -t glsl-1.20
}

set_large() {
	part x11 quick_gl x11_egl $LEFT_OUT -t '!opengl' -t 'glsl-1' -t 'arb_' -x glx
	part egl quick_gl surfaceless_egl $LEFT_OUT -t 'opengl es'
}

# In a guest of the rig: no X server, which would be emulated as well, and shader tests many to a process,
# as starting one costs more than most of them: alone a test takes about 6 s there.
set_xen() {
	part api quick_gl surfaceless_egl $LEFT_OUT --timeout 600 -x glx -t 'opengl es 2.0' -t 'opengl es 3.0' -t 'opengl es 3.1' \
		-t arb_vertex_buffer_object -t arb_uniform_buffer_object -t arb_instanced_arrays -t arb_sync \
		-t arb_compute_shader -t arb_occlusion_query
	part shaders quick_shader surfaceless_egl --process-isolation false --timeout 900 \
		-t 'glsl-1.10@execution@(algebraic|discard|interpolation|loops)' -t 'glsl-1.20@execution@clipping' \
		-t 'glsl-1.40@uniform_buffer' -t 'glsl-1.50@execution@geometry' -t 'glsl-es-3.00@execution$'
}

# Whether it works at all in a guest.
set_sanity() {
	part api quick_gl surfaceless_egl $LEFT_OUT --timeout 600 -t 'opengl es 2.0' -t arb_instanced_arrays -t arb_occlusion_query
	part shaders quick_shader surfaceless_egl --process-isolation false --timeout 900 -t 'glsl-1.10@execution@discard'
}
