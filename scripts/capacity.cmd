@echo off
rem The same as scripts/capacity: sets up what is missing, then calls the program of both systems.
call "%~dp0lib\start.cmd" capacity.mjs %*
exit /b %errorlevel%
