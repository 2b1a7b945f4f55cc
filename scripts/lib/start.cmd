@echo off
rem start.cmd PROGRAM ARGUMENTS...: finds (or says how to get) Node.js, CMake, Visual Studio and
rem vcpkg, then becomes PROGRAM, a Node.js file of scripts\.
setlocal
set "scripts=%~dp0.."
set "missing="

where node >nul 2>nul || set "missing=%missing% OpenJS.NodeJS.LTS"
where cmake >nul 2>nul || set "missing=%missing% Kitware.CMake"
where git >nul 2>nul || set "missing=%missing% Git.Git"
if defined missing (
    where winget >nul 2>nul
    if errorlevel 1 (
        echo Please install, then open a new console:%missing%
        exit /b 1
    )
    echo Installing with winget:%missing%
    for %%p in (%missing%) do (
        winget install --exact --id %%p --accept-source-agreements --accept-package-agreements
        if errorlevel 1 exit /b 1
    )
    echo Please open a new console, so that these are on the PATH, and call again.
    exit /b 1
)

set "vswhere=%ProgramFiles(x86)%\Microsoft Visual Studio\Installer\vswhere.exe"
set "studio="
if exist "%vswhere%" (
    for /f "usebackq delims=" %%i in (`"%vswhere%" -latest -products * ^
        -requires Microsoft.VisualStudio.Component.VC.Tools.x86.x64 -property installationPath`
    ) do set "studio=%%i"
)
if not defined studio (
    echo Please install Visual Studio 2022 or its Build Tools with "Desktop development with C++":
    echo   winget install --exact --id Microsoft.VisualStudio.2022.BuildTools --override ^
"--passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"
    exit /b 1
)

if not defined VCPKG_ROOT if exist "%studio%\VC\vcpkg\vcpkg.exe" set "VCPKG_ROOT=%studio%\VC\vcpkg"
if not defined VCPKG_ROOT (
    echo Getting vcpkg into build\vcpkg ...
    if not exist "%scripts%\..\build\vcpkg\bootstrap-vcpkg.bat" (
        git clone --depth 1 https://github.com/microsoft/vcpkg "%scripts%\..\build\vcpkg"
        if errorlevel 1 exit /b 1
    )
    if not exist "%scripts%\..\build\vcpkg\vcpkg.exe" (
        call "%scripts%\..\build\vcpkg\bootstrap-vcpkg.bat" -disableMetrics || exit /b 1
    )
    set "VCPKG_ROOT=%scripts%\..\build\vcpkg"
)

set "program=%~1"
set "rest="
:next
shift
if "%~1"=="" goto run
set rest=%rest% %1
goto next
:run
node "%scripts%\%program%" %rest%
exit /b %errorlevel%
