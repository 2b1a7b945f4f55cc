@echo off
rem The same as scripts/stress: sets up what is missing, then calls the program of both systems.
call "%~dp0lib\start.cmd" lib\playing\stress.mjs %*
exit /b %errorlevel%
