/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of xengpud.
 */
#ifndef BACKEND_SUP_OPTIONS_H
#define BACKEND_SUP_OPTIONS_H

#include "sup.h"

/*
 * options_parse() - fill @cfg with the defaults, then with what the host's config says, then with
 * what the command line says; sets up the log.
 * @conf: stays in use.
 * Returns -1 to go on, or the exit status: 0 after --help, 2 for wrong usage, having said why.
 */
int options_parse(int argc, char **argv, const struct hostconf *conf, struct sup_config *cfg);

#endif
