// Starts what every page has. Pages work without any of it.
import { start as startNavigation, onPage } from "./navigate.js";
import { start as startKeyboard } from "./keyboard.js";
import { start as startToasts } from "./toasts.js";
import { start as startCopy } from "./copy.js";
import { start as startTheme } from "./theme.js";
import { start as startTimes } from "./times.js";
import { start as startSetup } from "./setup.js";
import { start as startCharts } from "./charts.js";
import { start as startLive } from "./live.js";
import { start as startPlayground } from "./playground.js";
import { start as startPasskeys } from "./passkeys.js";
import { start as startSend } from "./send.js";

startNavigation();
startKeyboard();
startToasts();
startCopy();
startTheme();
startTimes();
onPage(startSetup);
onPage(startCharts);
startLive();
onPage(startPlayground);
onPage(startPasskeys);
onPage(startSend);
