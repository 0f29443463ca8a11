// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pictures of tests:
 *   picture png IN.xwd OUT.png                  an Xvfb frame buffer file (-fbdir) as PNG
 *   picture diff A.png B.png [LEVEL [PERMILLE]]  0 when at most PERMILLE of the pixels differ by
 *                                               more than LEVEL in a component; says how much
 *   picture colours A.png                       prints how many different colours there are
 * Source: X11/XWDFile.h (a header of big-endian words).
 */
#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct image {
	uint32_t width, height;
	uint8_t *rgb;
};

static void die(const char *what, const char *name)
{
	fprintf(stderr, "picture: %s: %s\n", name, what);
	exit(2);
}

static uint8_t *room(uint32_t width, uint32_t height, const char *name)
{
	uint8_t *rgb;

	if (!width || !height || width > 16384 || height > 16384)
		die("size out of range", name);
	rgb = malloc((size_t)width * height * 3);
	if (!rgb)
		die("out of memory", name);
	return rgb;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Words of the XWD header that matter, by index. */
enum { XWD_HEADER_BYTES, XWD_VERSION, XWD_FORMAT, XWD_DEPTH, XWD_WIDTH, XWD_HEIGHT, XWD_XOFFSET,
       XWD_BYTE_ORDER, XWD_UNIT, XWD_BIT_ORDER, XWD_PAD, XWD_BITS_PER_PIXEL, XWD_BYTES_PER_LINE,
       XWD_NCOLORS = 19, XWD_WORDS = 25 };

static void read_xwd(const char *name, struct image *img)
{
	FILE *f = fopen(name, "rb");
	uint8_t header[XWD_WORDS * 4];
	uint32_t line, x, y;
	uint8_t *row;

	if (!f || fread(header, 1, sizeof(header), f) != sizeof(header))
		die("cannot be read", name);
	if (be32(header + 4 * XWD_VERSION) != 7 || be32(header + 4 * XWD_BITS_PER_PIXEL) != 32)
		die("not an XWD file of version 7 with 32 bits a pixel", name);
	img->width = be32(header + 4 * XWD_WIDTH);
	img->height = be32(header + 4 * XWD_HEIGHT);
	line = be32(header + 4 * XWD_BYTES_PER_LINE);
	img->rgb = room(img->width, img->height, name);
	if (line < img->width * 4 || line > 16384 * 4)
		die("line length out of range", name);
	if (fseek(f, (long)(be32(header) + 12 * be32(header + 4 * XWD_NCOLORS)), SEEK_SET))
		die("ends early", name);
	row = malloc(line);
	if (!row)
		die("out of memory", name);
	for (y = 0; y < img->height; y++) {
		if (fread(row, 1, line, f) != line)
			die("ends early", name);
		for (x = 0; x < img->width; x++) {
			uint8_t *to = img->rgb + ((size_t)y * img->width + x) * 3;
			uint32_t p = be32(row + 4 * x);

			if (be32(header + 4 * XWD_BYTE_ORDER) == 0)
				p = __builtin_bswap32(p);
			to[0] = (uint8_t)(p >> 16);
			to[1] = (uint8_t)(p >> 8);
			to[2] = (uint8_t)p;
		}
	}
	free(row);
	fclose(f);
}

static void read_png(const char *name, struct image *img)
{
	png_image png = { .version = PNG_IMAGE_VERSION };

	if (!png_image_begin_read_from_file(&png, name))
		die(png.message, name);
	png.format = PNG_FORMAT_RGB;
	img->width = png.width;
	img->height = png.height;
	img->rgb = room(img->width, img->height, name);
	if (!png_image_finish_read(&png, NULL, img->rgb, 0, NULL))
		die(png.message, name);
}

static void write_png(const char *name, const struct image *img)
{
	png_image png = { .version = PNG_IMAGE_VERSION, .width = img->width, .height = img->height,
			  .format = PNG_FORMAT_RGB };

	if (!png_image_write_to_file(&png, name, 0, img->rgb, 0, NULL))
		die(png.message, name);
}

static int diff(const struct image *a, const struct image *b, unsigned int level,
		unsigned int permille)
{
	size_t pixels = (size_t)a->width * a->height, i, over = 0;
	unsigned int worst = 0, c;

	if (a->width != b->width || a->height != b->height) {
		printf("sizes differ: %ux%u, %ux%u\n", a->width, a->height, b->width, b->height);
		return 1;
	}
	for (i = 0; i < pixels; i++) {
		unsigned int most = 0;

		for (c = 0; c < 3; c++) {
			unsigned int d = (unsigned int)abs(a->rgb[3 * i + c] - b->rgb[3 * i + c]);

			most = d > most ? d : most;
		}
		over += most > level;
		worst = most > worst ? most : worst;
	}
	printf("%zu of %zu pixels differ by more than %u (worst %u, allowed %u in 1000)\n", over,
	       pixels, level, worst, permille);
	return over * 1000 > pixels * permille;
}

static int compare_colours(const void *a, const void *b)
{
	return memcmp(a, b, 3);
}

static void colours(const struct image *img)
{
	size_t pixels = (size_t)img->width * img->height, i, n = 1;

	qsort(img->rgb, pixels, 3, compare_colours);
	for (i = 1; i < pixels; i++)
		n += memcmp(img->rgb + 3 * i, img->rgb + 3 * (i - 1), 3) != 0;
	printf("%zu\n", n);
}

int main(int argc, char **argv)
{
	struct image a, b;

	if (argc == 4 && !strcmp(argv[1], "png")) {
		read_xwd(argv[2], &a);
		write_png(argv[3], &a);
		return 0;
	}
	if (argc >= 4 && !strcmp(argv[1], "diff")) {
		read_png(argv[2], &a);
		read_png(argv[3], &b);
		return diff(&a, &b, argc > 4 ? (unsigned int)atoi(argv[4]) : 2,
			    argc > 5 ? (unsigned int)atoi(argv[5]) : 1);
	}
	if (argc == 3 && !strcmp(argv[1], "colours")) {
		read_png(argv[2], &a);
		colours(&a);
		return 0;
	}
	fprintf(stderr, "usage: picture png IN.xwd OUT.png | diff A.png B.png [LEVEL [PERMILLE]] | "
			"colours A.png\n");
	return 2;
}
