/** `require('webphone-rtc/register')` defines the browser globals; install() and uninstall() do so by hand. */
import { install, uninstall } from './globals';

install();

export { install, uninstall };
