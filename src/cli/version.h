/* The version that --version, sessions and attestations name. */
#ifndef GM_CLI_VERSION_H
#define GM_CLI_VERSION_H

#define GM_VERSION "0.1.0"

#endif
