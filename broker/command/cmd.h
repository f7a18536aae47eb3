/* cmd.h - the commands. argv[0] is the command's own name; each returns an exit code (exit_codes.h). */
#ifndef BULKHEAD_CMD_H
#define BULKHEAD_CMD_H

int cmd_render(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_open(int argc, char **argv);
int cmd_cast(int argc, char **argv);
int cmd_attack(int argc, char **argv);
int cmd_sandbox(int argc, char **argv);
int cmd_crashes(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
