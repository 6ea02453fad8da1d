/*
 * home: where the user's own files are.
 *
 * Floor: ui.
 */
#pragma once

/* What the system says of the user: new; free(). "/" when it says nothing. */
char *home_of_user(void);
/*
 * A HOME that is closed to us is somebody else's: a pod runs as any user, and the image's HOME is
 * root's; sudo -u keeps it. What the system says takes its place in the environment, so that
 * nothing that looks for a file there fails. To be called before there are threads.
 */
void home_settle(void);
