// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files in xl's grammar: what libxlu_cfg takes is taken and means the same, what is wrong is named
 * with its line, and no octets whatever do harm.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "xlcfg.h"

static struct xlcfg *parse(const char *text)
{
	struct xlcfg *cfg = NULL;
	char why[WHY_BYTES] = "";

	if (xlcfg_parse(text, strlen(text), "f", &cfg, why))
		harness_fail(__FILE__, __LINE__, "'%s': %s", text, why);
	return cfg;
}

static void check_text(const struct xlcfg *cfg, const char *name, const char *want)
{
	char why[WHY_BYTES];
	const char *text = "(none)";

	if (xlcfg_text(cfg, name, &text, why) || strcmp(text, want))
		harness_fail(__FILE__, __LINE__, "%s is '%s', not '%s'", name, text, want);
}

static void check_one(const char *file, const char *want)
{
	struct xlcfg *cfg = parse(file);

	check_text(cfg, "a", want);
	xlcfg_free(cfg);
}

/* Xen's tools/examples/xlexample.hvm has all of this. */
static const char example[] =
	"# =====================================================================\n"
	"# Example HVM guest configuration\n"
	"\n"
	"type = \"hvm\"\n"
	"name = \"example.hvm\"\t # its name\n"
	"#uuid = \"XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX\"\n"
	"memory = 128; vcpus=2;\n"
	"device_model_args_hvm = [ ]\n"
	"vif = [ '' ]\n"
	"disk = [ '/dev/vg/guest-volume,raw,xvda,rw',\n"
	"\t# the second one\n"
	"\n"
	"\t\"/dev/vg/other,raw,xvdb,rw\",\n"
	"]\n"
	"pci = [ [ 'a', 'b' ], [ 1, 2 ] , 'c' ]\n"
	"vgpu = [ \"weight=512\" ]\n"
	"sdl = 0x1f\n"
	"memory = 0256\n"
	"on_crash = 'restart'";

TEST(config_xlcfg, example)
{
	struct xlcfg *cfg = parse(example);
	const struct xlcfg_value *disk, *v;
	char why[WHY_BYTES];
	uint64_t n = 0;

	check_text(cfg, "name", "example.hvm");
	check_text(cfg, "on_crash", "restart");
	CHECK_EQ(xlcfg_number(cfg, "vcpus", 0, 64, &n, why), 0);
	CHECK_EQ(n, 2);
	CHECK_EQ(xlcfg_number(cfg, "sdl", 0, 64, &n, why), 0);
	CHECK_EQ(n, 0x1f);
	CHECK_EQ(xlcfg_number(cfg, "memory", 0, 1024, &n, why), 0);
	CHECK_EQ(n, 0256);
	CHECK_EQ(xlcfg_find(cfg, "memory")->line, 18);
	CHECK_EQ(xlcfg_list(cfg, "disk", &disk, why), 0);
	CHECK_EQ(disk->n_items, 2);
	CHECK_EQ(disk->line, 10);
	CHECK_EQ(disk->items[1].line, 13);
	CHECK(!strcmp(disk->items[1].text, "/dev/vg/other,raw,xvdb,rw"));
	CHECK_EQ(xlcfg_list(cfg, "device_model_args_hvm", &v, why), 0);
	CHECK_EQ(v->n_items, 0);
	v = xlcfg_find(cfg, "pci");
	CHECK(v && v->type == XLCFG_LIST && v->n_items == 3);
	CHECK(v->items[1].type == XLCFG_LIST && !strcmp(v->items[1].items[0].text, "1"));
	CHECK(!xlcfg_find(cfg, "uuid"));
	CHECK(!xlcfg_find(cfg, "nam"));
	CHECK(!strcmp(xlcfg_name(cfg, 1), "name"));
	CHECK(!xlcfg_name(cfg, 11));
	xlcfg_free(cfg);
}

TEST(config_xlcfg, text)
{
	check_one("a=''", "");
	check_one("a='x\"y'", "x\"y");
	check_one("a=\"x'y\"", "x'y");
	check_one("a='#;[],='", "#;[],=");
	check_one("a='\\'\\\"\\\\'", "'\"\\");
	check_one("a='\\a\\b\\f\\n\\r\\t\\v'", "\a\b\f\n\r\t\v");
	check_one("a='\xc3\xa4\xff'", "\xc3\xa4\xff");
	/* As in libxlu, which reads such an escape and stores nothing. */
	check_one("a='1\\0101'", "1");
	check_one("a='1\\01012'", "12");
	check_one("a=12", "12");
	check_one("a=0xfe", "0xfe");
	check_one("a=0fax", "0fax");
	check_one("a=1;a=2", "2");
	check_one("a=1\n a = 2 ;", "2");
}

TEST(config_xlcfg, appended)
{
	struct xlcfg *cfg = parse("a+='x'\na += 'y'\nl=['1']\nl+=['2',['3']]\nl +=[ ]\nn+=3\n");
	const struct xlcfg_value *l = xlcfg_find(cfg, "l");
	char why[WHY_BYTES];
	uint64_t n;

	check_text(cfg, "a", "xy");
	CHECK(l && l->n_items == 3 && l->line == 5);
	CHECK(!strcmp(l->items[1].text, "2") && l->items[1].line == 4);
	CHECK_EQ(xlcfg_number(cfg, "n", 0, 9, &n, why), -EINVAL);
	xlcfg_free(cfg);
}

TEST(config_xlcfg, kinds)
{
	struct xlcfg *cfg = parse("t='x'\nl=['1',\n['2']]\nn=70\nbig=99999999999999999999999\n"
				  "neg='-1'\nodd=08\n");
	const struct xlcfg_value *v;
	char why[WHY_BYTES] = "same";
	const char *text;
	uint64_t n = 77;

	CHECK_EQ(xlcfg_text(cfg, "none", &text, why), -ENOENT);
	CHECK_EQ(xlcfg_number(cfg, "none", 0, 1, &n, why), -ENOENT);
	CHECK_EQ(xlcfg_list(cfg, "none", &v, why), -ENOENT);
	CHECK(!strcmp(why, "same"));
	CHECK_EQ(xlcfg_text(cfg, "l", &text, why), -EINVAL);
	CHECK(strstr(why, "f:2: l is a list"));
	CHECK_EQ(xlcfg_list(cfg, "t", &v, why), -EINVAL);
	CHECK(strstr(why, "f:1: t must be a list"));
	CHECK_EQ(xlcfg_list(cfg, "l", &v, why), -EINVAL);
	CHECK(strstr(why, "f:3: l has a list in its list"));
	CHECK_EQ(xlcfg_number(cfg, "n", 1, 64, &n, why), -EINVAL);
	CHECK(strstr(why, "f:4: n = 70: must be a number, 1..64"));
	CHECK_EQ(xlcfg_number(cfg, "t", 0, 1, &n, why), -EINVAL);
	CHECK_EQ(xlcfg_number(cfg, "big", 0, UINT64_MAX, &n, why), -EINVAL);
	CHECK_EQ(xlcfg_number(cfg, "neg", 0, UINT64_MAX, &n, why), -EINVAL);
	CHECK_EQ(xlcfg_number(cfg, "odd", 0, UINT64_MAX, &n, why), -EINVAL);
	CHECK_EQ(n, 77);
	xlcfg_free(cfg);
}

TEST(config_xlcfg, several_sources)
{
	struct xlcfg *cfg = parse("a=1\nl=['1']");
	char why[WHY_BYTES] = "";
	const struct xlcfg_value *l;

	CHECK_EQ(xlcfg_add(cfg, "a=2\nl+=['2']", 12, "arguments", why), 0);
	check_text(cfg, "a", "2");
	l = xlcfg_find(cfg, "l");
	CHECK(!strcmp(l->source, "arguments") && l->n_items == 2);
	CHECK(!strcmp(l->items[0].source, "f") && !strcmp(l->items[1].source, "arguments"));
	CHECK_EQ(xlcfg_add(cfg, "=", 1, "arguments", why), -EINVAL);
	CHECK(strstr(why, "arguments:1: "));
	xlcfg_free(cfg);
}

TEST(config_xlcfg, refused)
{
	static const struct {
		const char *text;
		const char *say;
	} bad[] = {
		{ "a", "f:1: the file ends where '=' or '+=' must be" },
		{ "a\n=1", "f:1: the line ends where '=' or '+=' must be" },
		{ "a=\n1", "f:1: the line ends where text in quotes, a number or a list must be" },
		{ "\n\na=b", "f:3: 'b' where text in quotes" },
		{ "a=1 b=2", "f:1: 'b' where a name, a line's end or ';' must be" },
		{ "a=1,2", "f:1: ',' where" },
		{ "=1", "f:1: '=' where a name" },
		{ "1=1", "f:1: '1' where a name" },
		{ "\na=[1\n2]", "f:3: '2' where ',' or ']' must be" },
		{ "a=[,]", "f:1: ',' where text" },
		{ "a=[1,,2]", "f:1: ',' where text" },
		{ "a=[1;2]", "f:1: ';' where" },
		{ "a=[\n\n", "f:3: the file ends where text" },
		{ "a=[1", "f:1: the file ends where ',' or ']'" },
		{ "a=]", "f:1: ']' where" },
		{ "vgpu-weight=1", "f:1: '-' cannot be here: names have small letters" },
		{ "Vgpu=1", "f:1: 'V' cannot be here: names have small letters" },
		{ "a=0xFF", "f:1: 'F' cannot be here" },
		{ "a=1.5", "f:1: '.' cannot be here; text needs quotes" },
		{ "a=-1", "f:1: '-' cannot be here" },
		{ "a=1\r\n", "f:1: a carriage return" },
		{ "a='x\n'", "f:1: text without a ' at its end" },
		{ "a=\"x'", "f:1: text without a \" at its end" },
		{ "a='x\\'", "f:1: text without a ' at its end" },
		{ "a='x\\\n'", "f:1: text without a ' at its end" },
		{ "a='\\x41'", "f:1: '\\x' in text; allowed are" },
		{ "a='\\9'", "f:1: '\\9' in text" },
		{ "a='\\01'", "f:1: '\\0' in text" },
		{ "a='\\q'", "f:1: '\\q' in text" },
		{ "a='x'\na+=[1]", "f:2: += must add a list to a list" },
		{ "\xc3\xa4=1", "f:1: an octet 0xc3 cannot be here" },
		{ "a += + 1", "f:1: '+' cannot be here" },
	};
	struct xlcfg *cfg = NULL;
	char why[WHY_BYTES];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		if (xlcfg_parse(bad[i].text, strlen(bad[i].text), "f", &cfg, why) != -EINVAL ||
		    !strstr(why, bad[i].say))
			harness_fail(__FILE__, __LINE__, "'%s' says '%s', not '%s'", bad[i].text,
				     why, bad[i].say);
	}
	CHECK_EQ(xlcfg_parse("a=1\0b", 5, "f", &cfg, why), -EINVAL);
	CHECK_EQ(xlcfg_parse("a='\0'", 5, "f", &cfg, why), -EINVAL);
	CHECK(!cfg);
}

TEST(config_xlcfg, bounded)
{
	const size_t bytes = XLCFG_MAX_BYTES + 1;
	char *text = malloc(bytes), why[WHY_BYTES];
	struct xlcfg *cfg = NULL;
	size_t i, n;

	CHECK(text);
	memset(text, '\n', bytes);
	CHECK_EQ(xlcfg_parse(text, bytes, "f", &cfg, why), -EINVAL);
	CHECK(strstr(why, "f: more than 1048576 octets"));
	CHECK_EQ(xlcfg_parse(text, bytes - 1, "f", &cfg, why), 0);
	xlcfg_free(cfg);
	memset(text, '[', bytes);
	memcpy(text, "a=", 2);
	CHECK_EQ(xlcfg_parse(text, bytes - 1, "f", &cfg, why), -EINVAL);
	CHECK(strstr(why, "more than 64 deep"));
	for (i = 3; i + 1 < bytes; i += 2)
		memcpy(text + i, "1,", 2);
	CHECK_EQ(xlcfg_parse(text, bytes - 1, "f", &cfg, why), -EINVAL);
	CHECK(strstr(why, "more than 65536 values"));
	for (i = n = 0; n < XLCFG_MAX_NAMES + 1; n++)
		i += (size_t)sprintf(text + i, "a%zu=1\n", n);
	CHECK_EQ(xlcfg_parse(text, i, "f", &cfg, why), -EINVAL);
	CHECK(strstr(why, "more than 1024 names"));
	free(text);
}

TEST(config_xlcfg, files)
{
	char dir[] = "/tmp/xengpu-cfg-XXXXXX", path[64], why[WHY_BYTES] = "";
	struct xlcfg *cfg = NULL;
	FILE *file;

	CHECK(mkdtemp(dir));
	CHECK_EQ(xlcfg_read(dir, &cfg, why), -ENOENT);
	snprintf(path, sizeof(path), "%s/x", dir);
	CHECK_EQ(xlcfg_read(path, &cfg, why), -ENOENT);
	CHECK(strstr(why, path) && strstr(why, "No such file"));
	CHECK_EQ(mkfifo(path, 0600), 0);
	CHECK_EQ(xlcfg_read(path, &cfg, why), -ENOENT);
	CHECK_EQ(unlink(path), 0);
	file = fopen(path, "we");
	CHECK(file && fputs("a=1\nb=", file) >= 0 && !fclose(file));
	CHECK_EQ(xlcfg_read(path, &cfg, why), -EINVAL);
	CHECK(strstr(why, path) && strstr(why, "x:2: the file ends"));
	CHECK_EQ(truncate(path, 4), 0);
	CHECK_EQ(xlcfg_read(path, &cfg, why), 0);
	check_text(cfg, "a", "1");
	xlcfg_free(cfg);
	/* Longer than any, and without taking the disk's room. */
	CHECK_EQ(truncate(path, XLCFG_MAX_BYTES + 9), 0);
	CHECK_EQ(xlcfg_read(path, &cfg, why), -EINVAL);
	CHECK(strstr(why, "more than"));
	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(rmdir(dir), 0);
}

/* What comes of a damaged file does not matter, as long as it is all released; sanitizers watch. */
static void try(const char *text, size_t bytes)
{
	struct xlcfg *cfg = NULL;
	char why[WHY_BYTES] = "";
	char *copy = malloc(bytes + 1); /* of its own, so that a step beyond its end is seen */
	int err;

	CHECK(copy);
	memcpy(copy, text, bytes);
	err = xlcfg_parse(copy, bytes, "f", &cfg, why);
	CHECK(err ? err == -EINVAL && why[0] && !cfg : cfg != NULL);
	xlcfg_free(cfg);
	free(copy);
}

TEST(config_xlcfg, bits_flipped)
{
	char text[sizeof(example)];
	size_t i;
	int bit;

	for (i = 0; i < sizeof(example) - 1; i++) {
		for (bit = 0; bit < 8; bit++) {
			memcpy(text, example, sizeof(example));
			text[i] = (char)(text[i] ^ 1 << bit);
			try(text, sizeof(example) - 1);
		}
	}
}

TEST(config_xlcfg, truncated)
{
	size_t i;

	for (i = 0; i < sizeof(example); i++) {
		try(example, i);
		try(example + i, sizeof(example) - 1 - i);
	}
}

TEST(config_xlcfg, tokens_at_random)
{
	static const char *const tokens[] = { "a", "b0", "=", "+=", "[", "]", ",", ";", "\n", "'x'",
					      "\"\\n\"", "17", " ", "#c\n", "'", "\\", "+" };
	char text[256];
	unsigned int round, i, seed = 1;

	for (round = 0; round < 20000; round++) {
		text[0] = '\0';
		for (i = 0; i < 24; i++) {
			seed = seed * 1103515245u + 12345u;
			strcat(text, tokens[(seed >> 16) % (sizeof(tokens) / sizeof(tokens[0]))]);
		}
		try(text, strlen(text));
	}
}
