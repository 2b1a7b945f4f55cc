@echo off
rem The same as scripts/test: sets up what is missing, then calls the program of both systems.
call "%~dp0lib\start.cmd" lib\developing\test.mjs %*
exit /b %errorlevel%
