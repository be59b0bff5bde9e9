@echo off
rem Double-click: sets the studio up on the first run, then starts it.
cd /d "%~dp0..\.."
py -3 launch.py %* || pause
